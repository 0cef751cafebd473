/** Notices what the kernel learns about a file's blocks, before anything touches them. */
import type { FileBadBlocks } from './bad-blocks.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { coalesce, subtract } from '../ranges/byte-range.js';
import type { DeviceDriver, DeviceWatch } from '../driver/devices.js';
import { PmemError } from '../errors/errors.js';
import { publishWatch } from '../errors/events.js';
import type { OpenState } from '../opening/open-state.js';
import type { AnnouncementSupport } from './announcements.js';
import { onAbort } from './on-abort.js';
import type { WatchEvent } from './watch-event.js';

export interface WatchOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal;
}

/** A watch of one file. */
export interface FileWatch {
  /** Ends it: no listener is called after this. A second call does nothing; close() of the file ends it too. */
  close(): void;
  /** `await using watch = …` ends it. */
  [Symbol.asyncDispose](): Promise<void>;
  /**
   * Says whether errors that nothing lists are heard of too: `supported` on DAX if the bus keeps no list of consumed
   * errors and the kernel announces lost memory (BUS_MCEERR_AO) to this process. If not, why.
   */
  readonly announcements: AnnouncementSupport;
}

/** The file, as watchFile() needs it: `refresh` reads the kernel's list and makes what it names known. */
export interface WatchSite {
  readonly state: OpenState;
  readonly devices: DeviceDriver | undefined;
  readonly refresh: () => Promise<FileBadBlocks>;
}

/** Resolves when changes are noticed, and everything that was listed before is known. */
export async function watchFile(
  site: WatchSite, listener: (event: WatchEvent) => void, signal: AbortSignal | undefined,
): Promise<FileWatch> {
  const { state, devices } = site;
  const { path } = state;
  signal?.throwIfAborted();
  if (devices === undefined) throw cannotWatch(path, 'the driver watches no devices');
  const watch = new Watch(site, listener);
  // The watch comes before the first look at the list, so that nothing falls between the two.
  const outcome = await devices.watch(state.file.facts.device, () => { watch.changed(); });
  if (!outcome.supported) throw cannotWatch(path, outcome.reason);
  try {
    state.assertOpen();
    signal?.throwIfAborted();
    watch.endWith(outcome.watch, signal === undefined ? [state.closing] : [state.closing, signal]);
    watch.announcements = watch.hearAnnouncements();
    await watch.begin();
    state.assertOpen();
    signal?.throwIfAborted();
    return watch;
  } catch (error) {
    watch.close();
    outcome.watch.close();
    throw error;
  }
}

function cannotWatch(path: string, reason: string): PmemError {
  return new PmemError('ERR_PMEM_NOT_SUPPORTED', `cannot watch: ${reason}`, { path });
}

class Watch implements FileWatch {
  readonly #site: WatchSite;
  readonly #listener: (event: WatchEvent) => void;
  announcements: AnnouncementSupport = { supported: false, reason: 'the watch has not begun' };
  #known: readonly ByteRange[] = [];
  #supported = true;
  readonly #ends: (() => void)[] = [];
  #running = true;
  #again = false;
  #closed = false;

  constructor(site: WatchSite, listener: (event: WatchEvent) => void) {
    this.#site = site;
    this.#listener = listener;
  }

  /** Called by the driver. A change that comes while the list is being read has it read once more. */
  changed(): void {
    this.#again = true;
    if (!this.#running) void this.#follow();
  }

  endWith(watch: DeviceWatch, signals: readonly AbortSignal[]): void {
    this.#ends.push(() => { watch.close(); });
    for (const signal of signals) this.#ends.push(onAbort(signal, () => { this.close(); }));
  }

  hearAnnouncements(): AnnouncementSupport {
    const { announcements } = this.#site.state;
    const listener = (event: WatchEvent): void => { this.#emit(event); };
    this.#ends.push(() => { announcements.removeListener(listener); });
    return announcements.addListener(listener);
  }

  /** Takes over what is listed now, without an event, and follows the changes from then on. */
  async begin(): Promise<void> {
    const answer = await this.#site.refresh();
    if (!answer.supported) throw cannotWatch(this.#site.state.path, answer.reason);
    this.#known = coalesce(answer.blocks);
    this.#running = false;
    if (this.#again) void this.#follow();
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#ends.splice(0)) end();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the protocol wants a promise
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #follow(): Promise<void> {
    this.#running = true;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        const answer = await this.#site.refresh();
        this.#compare(answer);
      }
    } catch {
      // The driver has broken its word, as a simulated process does that has died: nothing more can be noticed here.
      this.close();
    } finally {
      this.#running = false;
    }
  }

  #compare(answer: FileBadBlocks): void {
    if (this.#closed) return;
    if (!answer.supported) {
      if (this.#supported) this.#emit({ kind: 'unsupported', reason: answer.reason });
      this.#supported = false;
      return;
    }
    this.#supported = true;
    const before = this.#known;
    this.#known = coalesce(answer.blocks);
    const cleared = subtract(before, this.#known);
    const added = subtract(this.#known, before);
    if (cleared.length > 0) this.#emit({ kind: 'cleared', ranges: cleared });
    if (added.length > 0) this.#emit({ kind: 'new', ranges: added });
  }

  #emit(event: WatchEvent): void {
    if (this.#closed) return;
    publishWatch({ path: this.#site.state.path, event });
    try {
      this.#listener(event);
    } catch (error) {
      // As with an EventEmitter, it is the application's: but the watch goes on.
      queueMicrotask(() => { throw error; });
    }
  }
}
