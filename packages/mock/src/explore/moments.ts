/** The moments of a run: operations, inner steps, choices between calls, and ends. */
import { blocksIn } from '../hardware/geometry.js';
import { isBetweenCalls } from '../machine.js';
import type { MockDriver } from '../driver/mock-driver.js';
import type { MockOperation } from '../driver/operation.js';
import { END } from './schedule.js';

/** A moment at which something can happen: an operation, an inner step, or the end of body or recovery. */
export interface Moment {
  readonly at: number;
  /** Undefined at an end, and at a choice among several calls. */
  readonly operation: MockOperation | undefined;
  /** At a choice among several calls: the one that happens by itself, for instance `a: pwrite`. */
  readonly turn: string | undefined;
  /** The processes whose calls can happen first, see TurnEvent. */
  readonly alternatives: readonly string[];
  /** Number of the moment of another process's operation that this one happens just before; undefined for most. */
  readonly before: number | undefined;
  /** Processes whose bodies have not ended. */
  readonly living: readonly string[];
  /** Pages of files that have storage; only if it was asked for. */
  readonly pages: readonly PageOfFile[];
}

export interface PageOfFile {
  readonly path: string;
  readonly offset: number;
  /** Of a whole page, also at the end of the file. */
  readonly length: number;
}

export function labelOf(moment: Pick<Moment, 'operation' | 'turn'>): string {
  const { operation, turn } = moment;
  if (operation === undefined) return turn ?? END;
  return operation.step === undefined ? operation.name : `${operation.name}:${operation.step}`;
}

/** Something else can happen just before it: not within one system call. */
export function isInterruptible(operation: MockOperation | undefined): boolean {
  return operation?.step === undefined || isBetweenCalls(operation.step);
}

/** Every page of every file that has storage. */
export function pagesOf(driver: MockDriver): PageOfFile[] {
  // Not by machineOf(): tests with bugs planted in modules have a second copy of the driver's.
  const length = driver.pageBytes;
  return driver.listFiles().flatMap((path) => {
    const count = blocksIn(length, driver.readFile(path).length);
    return Array.from({ length: count }, (_, page) => ({ path, offset: page * length, length })).filter(
      ({ offset }) => driver.physicalOf(path, offset) !== undefined,
    );
  });
}
