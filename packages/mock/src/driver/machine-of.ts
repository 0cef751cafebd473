/** Finds the machine of a driver: explorers reach under a driver that a test hands them. */
import type { Machine } from '../machine.js';

const machines = new WeakMap<object, Machine>();

export function noteMachine(driver: object, machine: Machine): void {
  machines.set(driver, machine);
}

/** Returns the machine under a driver. Throws TypeError for a driver of another copy of this package. */
export function machineOf(driver: object): Machine {
  const machine = machines.get(driver);
  if (machine === undefined) throw new TypeError('not a mock driver of this copy of @safe-pmem/mock');
  return machine;
}
