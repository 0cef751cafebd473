/** persist() of many ranges: all of them together while nothing of the file is bad, else one by one. */
import { MediaError } from '../errors/errors.js';
import type { OpenState } from '../opening/open-state.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { alignOut, coalesce, intersect } from '../ranges/byte-range.js';
import { dropPersistedLosses } from '../repair/journal/overwritten.js';

/** `asked` lie inside the file. Media errors of all ranges are thrown as one. */
export function persistTogether(state: OpenState, asked: readonly ByteRange[]): void {
  const { faultPath, file, journal, unsafe } = state;
  const met: MediaError[] = [];
  if (unsafe.isEmpty) {
    const problem = file.persistRanges(asked);
    if (problem === undefined) return;
    if (!('signalCode' in problem)) {
      faultPath.requireFlushed(asked, problem);
      return;
    }
    // The one that holds the page which faulted: this throws for it, and what it throws for is known from then on.
    const page = alignOut({ offset: problem.position, length: 1 }, file.facts.pageBytes);
    const hit = asked.filter((range) => intersect(range, page) !== undefined);
    for (const range of hit.slice(0, 1)) collect(met, () => { faultPath.requirePersisted(range, problem); });
  }
  const durable: ByteRange[] = [];
  try {
    for (const range of asked) {
      collect(met, () => {
        for (const part of faultPath.persistable(range)) {
          faultPath.requirePersisted(part, file.persist(part.offset, part.length));
        }
        durable.push(range);
      });
    }
  } catch (error) {
    try {
      dropPersistedLosses(journal, unsafe, durable);
    } catch {
      // What could not be persisted weighs more.
    }
    throw error;
  }
  // One replacement of the journal for all of them.
  dropPersistedLosses(journal, unsafe, durable);
  for (const range of durable) collect(met, () => { faultPath.requireAllDurable(range); });
  const [first] = met;
  if (first === undefined) return;
  const bad = coalesce(met.flatMap((error) => error.ranges));
  throw new MediaError('persist', first.source, { path: state.path, ranges: bad, cause: first });
}

function collect(met: MediaError[], action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    met.push(error);
  }
}
