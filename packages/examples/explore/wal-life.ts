/** A log on a simulated machine, used as an application would, and an account of what it must give back. */
import { type ByteRange, MediaError, PmemError, PmemFile, subtract } from '@safe-pmem/core';
import { type CrashChooser, type MockDriver, mockDriver, type ScheduledEvent, SimulatedCrash } from '@safe-pmem/mock';
import { type CommitResult, type Damage, type Role, Wal, WalError, type WalOptions } from '../src/wal/index.js';
import { accountFor, PAGE, payloadOf } from '../test/wal/log-machine.js';
import type { MirroredMachine } from './engine-targets.js';

export const PAGES = 5;
/** Length of a record that fills the page after the first records. */
export const FILLS_PAGE = 970;
const PATHS = { log: '/pmem0/log', mirror: '/pmem1/mirror' } as const;
/** Lengths of the records that every log holds to begin with. */
const FIRST_RECORDS = [10, 3000];
/** The first fills their page, the others lie in the next one: as in the body 'a page begun'. */
const CUT_OFF_RECORDS = [FILLS_PAGE, 8, 8];
const LINE = 64;

export class WalLife {
  readonly driver: MockDriver;
  readonly #mirrored: boolean;
  readonly #records = new Map<number, Uint8Array>();
  readonly #hit: Record<Role, Set<number>> = { log: new Set(), mirror: new Set() };
  /** A load or store was made to fail: a repair may take a good page for a lost one. */
  #faulted = false;
  #payloads = 0;
  #files: PmemFile[] = [];
  #wal: Wal | undefined;
  /** The last record of the last commit that has returned, and of the last one that has begun. */
  #acknowledged = FIRST_RECORDS.length;
  #attempted = FIRST_RECORDS.length;

  constructor(machine: MirroredMachine, seed: number, image: Readonly<Record<Role, Uint8Array>>) {
    const { mirrored, ...options } = machine;
    this.driver = mockDriver({ ...options, seed, capacityBytes: 64 * PAGE });
    this.#mirrored = mirrored;
    this.driver.writeFile(PATHS.log, image.log);
    if (mirrored) this.driver.writeFile(PATHS.mirror, image.mirror);
    FIRST_RECORDS.forEach((length, index) => this.#records.set(index + 1, payloadOf(index + 1, length)));
  }

  get wal(): Wal {
    if (this.#wal === undefined) throw new Error('the log is not open');
    return this.#wal;
  }

  get canBeLost(): boolean {
    if (this.#faulted) return true;
    return [...this.#hit.log].some((page) => !this.#mirrored || this.#hit.mirror.has(page));
  }

  /** Opens files and log as a process does that has just started. */
  async open(options: Partial<WalOptions> = {}): Promise<void> {
    await this.close();
    const file = await this.#openFile('log');
    const members = this.#mirrored ? { file, mirror: await this.#openFile('mirror') } : { file };
    // Not by the clock: what a body does has to follow from the machine alone.
    this.#wal = await Wal.open({ ...members, blockMs: this.#mirrored ? 0 : Infinity, ...options });
    await this.#beginFrom(this.#wal);
  }

  /**
   * Records that the log does not know of after a start never happened: their numbers are for other records from now
   * on.
   */
  async #beginFrom(wal: Wal): Promise<void> {
    const last = wal.lastSequence;
    if (last === undefined) return;
    await this.#requirePossible(wal, last);
    this.#attempted = last;
    for (const sequence of this.#records.keys()) if (sequence > last) this.#records.delete(sequence);
  }

  async close(): Promise<void> {
    const files = this.#files;
    this.#files = [];
    this.#wal = undefined;
    for (const file of files) await file.close();
  }

  /** Forgets what was open: power has failed. */
  forget(): void {
    this.#files = [];
    this.#wal = undefined;
  }

  append(...lengths: readonly number[]): void {
    for (const length of lengths) this.wal.append(this.#newPayload(length));
  }

  /** Commits; repairs if a page refuses, as the README does, and trusts in a commit that a good header copy has. */
  async commit(): Promise<void> {
    this.#attempt();
    let result = this.#commitUnlessRefused();
    if (result === undefined) {
      await this.wal.repair();
      this.#attempt();
      result = this.wal.commit();
    }
    const { failed } = result.missing.length > 0 ? await this.wal.repair() : { failed: [] };
    // Otherwise the repair has said that no copy could be had.
    if (failed.length === 0 || this.#hasGoodHeader(failed)) this.#acknowledged = result.lastSequence;
  }

  /** True if a header copy is neither poisoned nor one that a repair has failed on. */
  #hasGoodHeader(failed: readonly Damage[]): boolean {
    const roles: readonly Role[] = this.#mirrored ? ['log', 'mirror'] : ['log'];
    return roles.some((role) => [0, PAGES - 1].some((page) => {
      const isFailed = failed.some((damage) => damage.role === role && damage.range.offset === page * PAGE);
      return !isFailed && !this.#hit[role].has(page);
    }));
  }

  /** Several writers at once, whose records share commits: appendDurable(), and the copies that have missed it. */
  async appendDurable(...lengths: readonly number[]): Promise<void> {
    const written = lengths.map(async (length) => {
      const sequence = this.wal.append(this.#newPayload(length));
      this.#attempt();
      const { missing } = await this.wal.commitAsync();
      if (!this.#hasGoodHeader(missing)) return;
      this.#acknowledged = Math.max(this.#acknowledged, sequence);
    });
    await settled(written);
  }

  poison(role: Role, page: number): void {
    this.#hit[role].add(page);
    this.driver.poison(PATHS[role], { offset: page * PAGE, length: PAGE });
  }

  noteEvent(event: ScheduledEvent): void {
    if (event.effect === 'signal') this.#faulted = true;
    if (event.effect !== 'poison') return;
    for (const role of ['log', 'mirror'] as const) {
      if (event.path === PATHS[role]) this.#hit[role].add(Math.floor(event.offset / PAGE));
    }
  }

  /** Poison lies outside the files of the log, where a repair journal may be. */
  get journalAtRisk(): boolean {
    const own: ByteRange[] = [];
    for (const path of this.#mirrored ? Object.values(PATHS) : [PATHS.log]) {
      for (let page = 0; page < PAGES; page++) {
        const offset = this.driver.physicalOf(path, page * PAGE);
        if (offset !== undefined) own.push({ offset, length: PAGE });
      }
    }
    return subtract(this.driver.poisoned, own).length > 0;
  }

  /**
   * Poisons every data page of the first file, if the log has a mirror of which nothing was hit: what is in the log
   * has to be in either file. False if there is no such mirror.
   */
  loseFirstFile(): boolean {
    if (!this.#mirrored || this.#faulted || this.#hit.mirror.size > 0) return false;
    for (let page = 1; page < PAGES - 1; page++) this.poison('log', page);
    return true;
  }

  /** The invariant, for the log as it is open now; afterwards it goes on from what it has found. */
  async judge(): Promise<void> {
    const { lastSequence: last, commitPointLost } = this.wal;
    if (commitPointLost || last === undefined) throw new Error('the commit point is lost, though one copy of it is good');
    await this.#requirePossible(this.wal, last);
    const { lost } = await accountFor(this.wal, this.#records);
    if (lost.length > 0 && !this.canBeLost) throw new Error(`records ${lost.join(', ')} are lost, and no page is to blame`);
    this.#acknowledged = last;
    this.#attempted = last;
    for (const sequence of this.#records.keys()) if (sequence > last) this.#records.delete(sequence);
  }

  /** Numbers that were never attempted may be used up, as doubtful losses, if a page that may hold them is lost. */
  async #requirePossible(wal: Wal, last: number): Promise<void> {
    const most = Math.max(this.#acknowledged, this.#attempted);
    if (last >= this.#acknowledged && last <= most) return;
    const { doubtful } = last > most && this.canBeLost ? await accountFor(wal, this.#records) : { doubtful: [] };
    if (last > most && doubtful.filter((sequence) => sequence > most).length === last - most) return;
    throw new Error(`committed up to ${last}; acknowledged ${this.#acknowledged}, attempted ${this.#attempted}`);
  }

  /** Of the next record; no other has these bytes, and none that was given up. */
  #newPayload(length: number): Uint8Array {
    const payload = payloadOf(FIRST_RECORDS.length + ++this.#payloads, length);
    this.#records.set(this.wal.nextSequence ?? 0, payload);
    return payload;
  }

  #attempt(): void {
    this.#attempted = (this.wal.nextSequence ?? 1) - 1;
  }

  #commitUnlessRefused(): CommitResult | undefined {
    try {
      return this.wal.commit();
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      return undefined;
    }
  }

  async #openFile(role: Role): Promise<PmemFile> {
    const file = await PmemFile.open(PATHS[role], { driver: this.driver });
    this.#files.push(file);
    return file;
  }
}

/**
 * Files of a log that holds the first records, as a crash has left them that cut off the commit after those: of the
 * page that it began, all but the first line has survived. Made once: a log draws its number at random, and states
 * must be equal.
 */
export async function makeImage(mirrored: boolean): Promise<Readonly<Record<Role, Uint8Array>>> {
  const blank = new Uint8Array(PAGES * PAGE);
  const driver = mockDriver();
  for (const path of Object.values(PATHS)) driver.writeFile(path, blank);
  const file = await PmemFile.open(PATHS.log, { driver });
  const mirror = await PmemFile.open(PATHS.mirror, { driver });
  const wal = await Wal.open({ file, ...(mirrored ? { mirror } : {}), create: true });
  for (const [index, length] of FIRST_RECORDS.entries()) wal.append(payloadOf(index + 1, length));
  wal.commit();
  for (const [index, length] of CUT_OFF_RECORDS.entries()) wal.append(payloadOf(90 + index, length));
  const survives = (deviceOffset: number): boolean =>
    Object.values(PATHS).some((path) => {
      const inPage = deviceOffset - (driver.physicalOf(path, 2 * PAGE) ?? 0);
      return inPage >= LINE && inPage < PAGE;
    });
  const chooser: CrashChooser = (choice) =>
    choice.kind === 'line' && survives(choice.deviceOffset) ? choice.alternatives - 1 : 0;
  driver.observe(({ name }) => (name === 'persist' ? { crash: true, chooser } : undefined));
  try {
    wal.commit();
    throw new Error('the commit was not cut off');
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
  return { log: driver.readFile(PATHS.log), mirror: driver.readFile(PATHS.mirror) };
}

/** Waits for all, whatever becomes of them; then rejects as the first does that has. */
export async function settled(promises: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}

export function isAcceptable(error: unknown): boolean {
  return error instanceof PmemError || error instanceof WalError;
}
