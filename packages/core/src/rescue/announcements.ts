/**
 * Memory of one open file that the kernel announces as lost, before anything accesses it. Shared by all watches of the
 * file, so that bytes become known once, and each watch is told the same.
 */
import type { CompleteFile } from '../driver/driver.js';
import type { DeviceWatch } from '../driver/devices.js';
import { isMediaErrno } from '../faults/classify.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { listingAbility } from '../opening/file-info.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { alignOut, coalesce, formatRange, intersect, subtract } from '../ranges/byte-range.js';
import { readEachOn } from './read-on.js';
import type { WatchEvent } from './watch-event.js';

/** Says whether lost memory is announced to this process, and if not, why. */
export type AnnouncementSupport = { readonly supported: true } | { readonly supported: false; readonly reason: string };

export class Announcements {
  readonly #file: CompleteFile;
  readonly #unsafe: UnsafeRanges;
  readonly #listeners = new Set<(event: WatchEvent) => void>();
  #watch: DeviceWatch | undefined;
  /** Notices are answered one after the other. */
  #answered: Promise<void> = Promise.resolve();

  constructor(file: CompleteFile, unsafe: UnsafeRanges) {
    this.#file = file;
    this.#unsafe = unsafe;
  }

  /** Calls `listener` for each announcement until removeListener(). Not supported: it will not be called. */
  addListener(listener: (event: WatchEvent) => void): AnnouncementSupport {
    const { facts } = this.#file;
    if (!facts.dax) return { supported: false, reason: 'the file is not on DAX: loads do not reach the medium' };
    if (listingAbility(facts) === 'yes') return { supported: false, reason: 'not needed: the kernel lists them' };
    if (this.#watch === undefined) {
      const outcome = this.#file.watchMemory((range) => {
        this.#answered = this.#answered.then(() => this.#answer(range));
      });
      if (!outcome.supported) return outcome;
      this.#watch = outcome.watch;
    }
    this.#listeners.add(listener);
    return { supported: true };
  }

  removeListener(listener: (event: WatchEvent) => void): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#watch?.close();
    this.#watch = undefined;
  }

  async #answer(announced: ByteRange): Promise<void> {
    const { pageBytes } = this.#file.facts;
    const whole = { offset: 0, length: this.#file.mappedBytes };
    const range = intersect(alignOut(announced, pageBytes), whole);
    if (range === undefined) return;
    try {
      const lost = announced.length <= pageBytes ? [range] : await this.#refusedPages(range);
      if (lost.length === 0) {
        const reason = `the kernel announces an error in ${formatRange(range)} and does not say in which page`;
        this.#tell({ kind: 'unsupported', reason });
        return;
      }
      const added = subtract(lost, this.#unsafe.knownBadWithin(range));
      if (added.length === 0) return;
      this.#unsafe.addMet(added);
      this.#tell({ kind: 'announced', ranges: added });
    } catch {
      // The driver has broken its word, as a simulated process does that has died: nothing more can be noticed here.
    }
  }

  /** One entry of the page table maps all of the range: which of its pages it is, pread(2) says, and consumes none. */
  async #refusedPages({ offset, length }: ByteRange): Promise<ByteRange[]> {
    const { facts } = this.#file;
    const { pageBytes } = facts;
    const pages = Array.from({ length: Math.ceil(length / pageBytes) }, (_, i) => ({
      offset: offset + i * pageBytes,
      length: Math.min(pageBytes, length - i * pageBytes),
    }));
    const answers = await readEachOn(this.#file, pages, new Uint8Array(length));
    return coalesce(pages.filter((_, i) => isMediaErrno(answers[i]?.errno ?? 0, facts)));
  }

  #tell(event: WatchEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
