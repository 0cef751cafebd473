/** The error that code under test gets when power fails. */
import type { MockOperation } from '../driver/operation.js';

/** Thrown by an operation at which power failed, and by every later use of a file that was open then. */
export class SimulatedCrash extends Error {
  /** The operation that was running; undefined if `crash()` was called between operations. */
  readonly operation: MockOperation | undefined;

  constructor(message: string, operation?: MockOperation) {
    super(message);
    this.name = 'SimulatedCrash';
    this.operation = operation;
  }
}
