/** The repairs that a piece of code runs inside of: a repair from inside a repair of the same file would wait for itself. */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface RunningRepair {
  readonly file: object;
  isOver: boolean;
}

const storage = new AsyncLocalStorage<readonly RunningRepair[]>();
let running = 0;

/** The repairs that have called, through their `rebuild`, what runs now. */
export function enclosingRepairs(): readonly RunningRepair[] {
  return (storage.getStore() ?? []).filter(({ isOver }) => !isOver);
}

/** Runs the repair of `file`, inside of the `enclosing` ones; what it calls is enclosed by it as well. */
export async function asEnclosing<Result>(
  enclosing: readonly RunningRepair[],
  file: object,
  repair: () => Promise<Result>,
): Promise<Result> {
  const own = { file, isOver: false };
  running++;
  try {
    return await storage.run([...enclosing, own], repair);
  } finally {
    own.isOver = true;
    // While it is in use every promise of the process costs more: on Node 20, a tenth of the time of the explorations.
    if (--running === 0) storage.disable();
  }
}
