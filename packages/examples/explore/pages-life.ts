/** A paged store on a simulated machine, used as an application would, and an account of what it must give back. */
import { type ByteRange, PmemError, PmemFile, subtract } from '@safe-pmem/core';
import { type MockDriver, mockDriver, type ScheduledEvent } from '@safe-pmem/mock';
import { type Change, PagesError, PageStore } from '../src/pages/index.js';
import { WalError } from '../src/wal/index.js';
import { accountFor, type Member, Model, PAGE, PATHS, valueOf } from '../test/pages/store-machine.js';
import type { MirroredMachine } from './engine-targets.js';

const SIZES: Readonly<Record<Member, number>> = { file: 6, mirror: 6, log: 8, logMirror: 8 };
const CAPACITY_BYTES = 512 * PAGE;

export type StoreImage = Readonly<Record<Member, Uint8Array>>;

export class StoreLife {
  readonly driver: MockDriver;
  readonly #members: readonly Member[];
  /** The states that the store may hold: a batch that has not been acknowledged may have been applied, or not. */
  #possible: Model[];
  readonly #hit = new Map<Member, Set<number>>();
  /** A load or store was made to fail: a repair may take a good page for a lost one. */
  #faulted = false;
  #files: PmemFile[] = [];
  #store: PageStore | undefined;

  constructor({ mirrored, ...machine }: MirroredMachine, seed: number, image: StoreImage) {
    this.driver = mockDriver({ ...machine, seed, capacityBytes: CAPACITY_BYTES });
    this.#members = membersOf(mirrored);
    for (const member of this.#members) {
      this.driver.writeFile(PATHS[member], image[member]);
      this.#hit.set(member, new Set());
    }
    const model = new Model();
    model.apply(FIRST_CHANGES);
    this.#possible = [model];
  }

  get store(): PageStore {
    if (this.#store === undefined) throw new Error('the store is not open');
    return this.#store;
  }

  /** Some page is bad in every file that has it. */
  get canBeLost(): boolean {
    if (this.#faulted) return true;
    const [file, mirror, log, logMirror] = (['file', 'mirror', 'log', 'logMirror'] as const).map((member) => this.#hit.get(member));
    const inBoth = (a: ReadonlySet<number> = new Set(), b: ReadonlySet<number> = new Set()): boolean => [...a].some((page) => b.has(page));
    return mirror === undefined ? (file?.size ?? 0) > 0 || inBoth(log, logMirror) : inBoth(file, mirror) || inBoth(log, logMirror);
  }

  async open(): Promise<void> {
    await this.close();
    const files: Partial<Record<Member, PmemFile>> = {};
    for (const member of this.#members) {
      const file = await PmemFile.open(PATHS[member], { driver: this.driver });
      this.#files.push(file);
      files[member] = file;
    }
    this.#store = await PageStore.open({ ...(files as Record<Member, PmemFile>), blockMs: Infinity });
  }

  async close(): Promise<void> {
    const [files, store] = [this.#files, this.#store];
    this.forget();
    await store?.close();
    for (const file of files) await file.close();
  }

  /** Forgets what was open: power has failed. */
  forget(): void {
    this.#files = [];
    this.#store = undefined;
  }

  async batch(...changes: readonly Change[]): Promise<void> {
    const before = this.#possible;
    const after = before.map((model) => {
      const next = model.copy();
      next.apply(changes);
      return next;
    });
    this.#possible = [...before, ...after];
    await this.store.batch(changes);
    this.#possible = after;
  }

  poison(member: Member, page: number): void {
    this.#hit.get(member)?.add(page);
    this.driver.poison(PATHS[member], { offset: page * PAGE, length: PAGE });
  }

  /** Stores as another program would: bytes change, and no error tells. */
  async scribble(member: Member, page: number, bytes: Uint8Array, within: number): Promise<void> {
    this.#hit.get(member)?.add(page);
    const file = await PmemFile.open(PATHS[member], { driver: this.driver });
    file.write(bytes, page * PAGE + within);
    file.persist(page * PAGE + within, bytes.length);
    await file.close();
  }

  noteEvent(event: ScheduledEvent): void {
    if (event.effect === 'signal') this.#faulted = true;
    if (event.effect !== 'poison') return;
    for (const member of this.#members) {
      if (event.path === PATHS[member]) this.#hit.get(member)?.add(Math.floor(event.offset / PAGE));
    }
  }

  /** Poison lies outside of the store's files, where a repair journal may be. */
  get journalAtRisk(): boolean {
    const own: ByteRange[] = [];
    for (const member of this.#members) {
      for (let page = 0; page < this.driver.readFile(PATHS[member]).length / PAGE; page++) {
        const offset = this.driver.physicalOf(PATHS[member], page * PAGE);
        if (offset !== undefined) own.push({ offset, length: PAGE });
      }
    }
    return subtract(this.driver.poisoned, own).length > 0;
  }

  /**
   * The invariant, for the store as it is open now; afterwards it goes on from what it has found. `account` finds the
   * lost keys of a model, and throws if the store does not agree with it.
   */
  judge(account = accountFor): void {
    using snapshot = this.store.snapshot();
    const reasons: unknown[] = [];
    const held = this.#possible.filter((model) => {
      try {
        const lost = account(snapshot, model);
        if (lost.length === 0 || this.canBeLost) return true;
        throw new Error(`${lost.join(', ')} lost, and no page is to blame`);
      } catch (error) {
        reasons.push(error);
        return false;
      }
    });
    if (held.length === 0) throw reasons[0];
    this.#possible = held;
  }
}

function membersOf(mirrored: boolean): readonly Member[] {
  return mirrored ? ['file', 'mirror', 'log', 'logMirror'] : ['file', 'log', 'logMirror'];
}

export function put(key: string, seed: number, lengthBytes: number): Change {
  return { type: 'put', key: Buffer.from(key), value: valueOf(seed, lengthBytes) };
}

/** The content of every store at first: two leaves in pages, and a batch in the log. */
const FIRST_CHANGES: readonly Change[] = [put('b', 1, 1500), put('f', 2, 1500), put('m', 3, 1500), put('b', 4, 10)];

/** Files of a store that holds the first changes. Made once: a store draws its ids at random, and states must be equal. */
export async function makeStoreImage(mirrored: boolean): Promise<StoreImage> {
  const driver = mockDriver();
  const files: Partial<Record<Member, PmemFile>> = {};
  for (const member of membersOf(mirrored)) {
    driver.writeFile(PATHS[member], new Uint8Array(SIZES[member] * PAGE));
    files[member] = await PmemFile.open(PATHS[member], { driver });
  }
  const store = await PageStore.open({ ...(files as Record<Member, PmemFile>), create: true, blockMs: Infinity });
  for (const change of FIRST_CHANGES.slice(0, 3)) await store.batch([change]);
  await store.checkpoint();
  await store.batch(FIRST_CHANGES.slice(3));
  await store.close();
  const image = (member: Member): Uint8Array => (member in files ? driver.readFile(PATHS[member]) : new Uint8Array(0));
  return { file: image('file'), mirror: image('mirror'), log: image('log'), logMirror: image('logMirror') };
}

export function isStoreError(error: unknown): boolean {
  return error instanceof PmemError || error instanceof WalError || error instanceof PagesError;
}
