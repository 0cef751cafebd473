/** Running one schedule again. */
import type { Explorable, Explored } from './exploration.js';
import { runEvents } from './run.js';
import { parseSchedule, type Schedule } from './schedule.js';

/**
 * Runs the one state that `schedule` describes, as an ExplorationFailure prints it. Rejects if the state fails: with
 * the error of check(), or of the body; with an Error if the schedule does not fit the body any more.
 */
export async function replaySchedule<State extends Explored>(
  exploration: Explorable<State>,
  schedule: Schedule | string,
): Promise<void> {
  const { seed, events } = parseSchedule(schedule);
  const record = await runEvents(exploration, seed, events);
  if (record.mismatch !== undefined) {
    const cause = record.failure === undefined ? {} : { cause: record.failure.error };
    throw new Error(`the schedule does not fit the body: ${record.mismatch}`, cause);
  }
  if (record.failure !== undefined) throw record.failure.error;
}
