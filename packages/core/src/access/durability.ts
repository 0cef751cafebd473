/** Makes stores of one open file survive power loss, and keeps the repair journal in step with what is durable. */
import { requireInside, requireInteger, requireRanges } from '../arguments.js';
import type { OpenState } from '../opening/open-state.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { intersect, intersectAll, subtract } from '../ranges/byte-range.js';
import { dropPersistedLosses } from '../repair/journal/overwritten.js';
import { persistTogether } from './persist-ranges.js';

export class Durability {
  readonly #state: OpenState;

  constructor(state: OpenState) {
    this.#state = state;
  }

  /** See PmemFile.writeAndPersist(). */
  writeAndPersist(source: Uint8Array, position: number): void {
    const state = this.#state;
    state.checkBytes('source', source, position);
    state.assertWritable();
    if (!state.unsafe.isEmpty) {
      state.faultPath.write(source, position);
      this.persist(position, source.byteLength);
      return;
    }
    const problem = state.file.writeAndPersist(source, position);
    if (problem === undefined) return;
    const range: ByteRange = { offset: position, length: source.byteLength };
    if (!('signalCode' in problem)) {
      state.faultPath.requireFlushed([range], problem);
      return;
    }
    // Throws, unless the fault has passed.
    state.faultPath.write(source, position, problem);
    this.persist(position, range.length);
  }

  /** See PmemFile.persist(). */
  persist(position = 0, length: number = this.#state.sizeBytes - position): void {
    const { file, faultPath } = this.#state;
    if (this.#isNothing(position, length)) return;
    const asked: ByteRange = { offset: position, length };
    for (const range of faultPath.persistable(asked)) {
      faultPath.requirePersisted(range, file.persist(range.offset, range.length));
    }
    this.#requireAllDurable(asked);
  }

  /** See PmemFile.persistAsync(). */
  async persistAsync(position = 0, length: number = this.#state.sizeBytes - position): Promise<void> {
    const { file, faultPath, unsafe } = this.#state;
    if (this.#isNothing(position, length)) return;
    const asked: ByteRange = { offset: position, length };
    // What is written over losses, or over bytes in doubt, while it runs may come too late for it.
    const overwritten = unsafe.overwrittenWithin(asked);
    const dropped = unsafe.unpersistedWithin(asked);
    let rest: readonly ByteRange[] = [asked];
    for (;;) {
      // A bad page that is left out may be readable again before this ends: its turn comes then.
      const ranges = rest.flatMap((range) => faultPath.persistable(range));
      if (ranges.length === 0) break;
      rest = subtract(rest, ranges);
      for (const range of ranges) {
        // A resize() may have run since the range before.
        const mapped = intersect(range, { offset: 0, length: file.mappedBytes });
        if (mapped === undefined) break;
        await this.#state.whileNotingEnd(async (end) => {
          faultPath.requirePersisted(mapped, await file.persistAsync(mapped.offset, mapped.length), end.bytes);
        });
        this.#state.assertOpen();
      }
    }
    // What a resize() has cut off meanwhile is not asked for.
    const inFile = intersectAll(dropped, [{ offset: 0, length: file.mappedBytes }]);
    this.#requireAllDurable(asked, subtract(overwritten, inFile), inFile);
  }

  /** See PmemFile.persistRanges(). */
  persistRanges(ranges: readonly ByteRange[]): void {
    const state = this.#state;
    state.assertOpen();
    const asked = requireRanges('ranges', ranges, state.sizeBytes);
    if (asked.length === 0) return;
    persistTogether(state, asked);
  }

  #requireAllDurable(
    asked: ByteRange, overwritten: readonly ByteRange[] = [asked], dropped: readonly ByteRange[] = [],
  ): void {
    const { faultPath, journal, unsafe } = this.#state;
    dropPersistedLosses(journal, unsafe, overwritten);
    faultPath.requireAllDurable(asked, dropped);
  }

  /** Checks the range. True if there is nothing to do: an empty file. */
  #isNothing(position: number, length: number): boolean {
    const { sizeBytes } = this.#state;
    this.#state.assertOpen();
    requireInteger('position', position);
    if (sizeBytes === 0 && position === 0 && length === 0) return true;
    requireInside(position, length, sizeBytes);
    return false;
  }
}
