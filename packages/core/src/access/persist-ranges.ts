/** persist() of many ranges: all of them together while nothing of the file is bad, else one by one. */
import { MediaError } from '../errors/errors.js';
import type { OpenState } from '../opening/open-state.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { alignOut, coalesce, intersect } from '../ranges/byte-range.js';

/** `asked` lie inside the file; `persist` does one of them. Media errors of all ranges are thrown as one. */
export function persistTogether(
  state: OpenState,
  asked: readonly ByteRange[],
  persist: (range: ByteRange) => void,
): void {
  const met: MediaError[] = [];
  const collect = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      met.push(error);
    }
  };
  if (state.unsafe.isEmpty) {
    const problem = state.file.persistRanges(asked);
    if (problem === undefined) return;
    if (!('signalCode' in problem)) throw state.faultPath.persistError(asked, problem);
    // The one that holds the page which faulted: this throws for it, and what it throws for is known from then on.
    const page = alignOut({ offset: problem.position, length: 1 }, state.file.facts.pageBytes);
    const hit = asked.filter((range) => intersect(range, page) !== undefined);
    for (const range of hit.slice(0, 1)) collect(() => { state.faultPath.requirePersisted(range, problem); });
  }
  for (const range of asked) collect(() => { persist(range); });
  const [first] = met;
  if (first === undefined) return;
  const bad = coalesce(met.flatMap((error) => error.ranges));
  throw new MediaError('persist', first.source, { path: state.path, ranges: bad, cause: first });
}
