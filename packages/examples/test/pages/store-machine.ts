/** A simulated machine with a paged store on it, and an independent account of what the store must give back. */
import { expect } from 'vitest';
import { PmemError, PmemFile } from '@safe-pmem/core';
import type { MockDriver, MockOptions } from '@safe-pmem/mock';
import { mockDriver } from '@safe-pmem/mock';
import type { Change, Snapshot, StoreOptions } from '../../src/pages/index.js';
import { LostKeysError, PageStore } from '../../src/pages/index.js';

export const PAGE = 4096;
export const PATHS = { file: '/pmem0/pages', mirror: '/pmem1/pages', log: '/pmem0/log', logMirror: '/pmem1/log' } as const;
export type Member = keyof typeof PATHS;

export interface StoreMachineOptions extends MockOptions {
  readonly pages?: number;
  readonly logPages?: number;
  readonly mirrored?: boolean;
}

export class StoreMachine {
  readonly driver: MockDriver;
  readonly mirrored: boolean;
  readonly model = new Model();
  #files: PmemFile[] = [];
  #store: PageStore | undefined;

  constructor({ pages = 16, logPages = 16, mirrored = true, ...options }: StoreMachineOptions = {}) {
    this.driver = mockDriver(options);
    this.mirrored = mirrored;
    // Written, not only allocated: the kernel clears poison in a block that was never written at the first store.
    for (const member of this.members) {
      this.driver.writeFile(PATHS[member], new Uint8Array((member.startsWith('log') ? logPages : pages) * PAGE));
    }
  }

  get members(): readonly Member[] {
    return this.mirrored ? ['file', 'mirror', 'log', 'logMirror'] : ['file', 'log', 'logMirror'];
  }

  get store(): PageStore {
    if (this.#store === undefined) throw new Error('the store is not open');
    return this.#store;
  }

  /** Opens the files again, as a process does that has just started, and the store on them. */
  async open(options: Partial<StoreOptions> = {}): Promise<PageStore> {
    await this.close();
    const [file, log, logMirror] = [await this.openFile('file'), await this.openFile('log'), await this.openFile('logMirror')];
    const mirror = this.mirrored && !('detachMirror' in options) ? { mirror: await this.openFile('mirror') } : {};
    this.#store = await PageStore.open({ file, log, logMirror, ...mirror, ...options });
    return this.#store;
  }

  async close(): Promise<void> {
    const files = this.#files;
    this.#files = [];
    await this.#store?.close();
    this.#store = undefined;
    for (const file of files) await file.close();
  }

  async openFile(member: Member): Promise<PmemFile> {
    const file = await PmemFile.open(PATHS[member], { driver: this.driver });
    this.#files.push(file);
    return file;
  }

  /** Applies changes, and notes them where that has succeeded. */
  async batch(...changes: readonly Change[]): Promise<void> {
    await this.store.batch(changes);
    this.model.apply(changes);
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.batch({ type: 'put', key: Buffer.from(key), value });
  }

  poison(member: Member, page: number): void {
    this.driver.poison(PATHS[member], { offset: page * PAGE, length: PAGE });
  }

  /** The bytes of one page as the medium holds them, poisoned or not. */
  page(member: Member, page: number): Uint8Array {
    return this.driver.readFile(PATHS[member]).subarray(page * PAGE, (page + 1) * PAGE);
  }

  /** Stores without the library's knowledge. */
  async overwrite(member: Member, position: number, bytes: Uint8Array): Promise<void> {
    const file = await PmemFile.open(PATHS[member], { driver: this.driver });
    file.write(bytes, position);
    file.persist();
    await file.close();
  }

  /** Power fails; open files are dead afterwards. */
  crash(...how: Parameters<MockDriver['crash']>): void {
    this.driver.crash(...how);
    this.forget();
  }

  forget(): void {
    this.#files = [];
    this.#store = undefined;
  }

  /** Every key that the model has, and that the store does not: all of them reported lost. Throws if it is wrong. */
  account(): string[] {
    using snapshot = this.store.snapshot();
    return accountFor(snapshot, this.model);
  }
}

/** What must be in the store: keys as latin1 strings, whose order is that of their bytes. */
export class Model {
  readonly entries = new Map<string, Uint8Array>();

  apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.type === 'put') this.entries.set(nameOf(change.key), Uint8Array.from(change.value));
      else if (change.type === 'del') this.entries.delete(nameOf(change.key));
      else for (const key of this.keysIn(nameOf(change.from), change.to && nameOf(change.to))) this.entries.delete(key);
    }
  }

  keysIn(from = '', to?: string): string[] {
    return this.keys().filter((key) => key >= from && (to === undefined || key < to));
  }

  keys(): string[] {
    return [...this.entries.keys()].sort();
  }

  copy(): Model {
    const copy = new Model();
    for (const [key, value] of this.entries) copy.entries.set(key, value);
    return copy;
  }
}

/**
 * Goes through a state of the store in both directions and by key, and checks that all agree and every key of the model is there
 * with its value, or is reported lost. Returns the lost ones.
 */
export function accountFor(state: Snapshot, model: Model): string[] {
  const forward = scan(state, model, false);
  const backward = scan(state, model, true);
  if (forward.join('\n') !== backward.join('\n')) throw new Error('the two directions do not agree');
  const lost: string[] = [];
  for (const [key, value] of model.entries) {
    try {
      const found = state.get(Buffer.from(key, 'latin1'));
      if (found === undefined) throw new Error(`'${key}' is missing`);
      if (Buffer.compare(found, value) !== 0) throw new Error(`'${key}' has wrong bytes`);
      if (forward.includes(key)) throw new Error(`'${key}' is readable, and not in its range`);
    } catch (error) {
      requireLoss(error);
      if (!forward.includes(key)) throw new Error(`'${key}' is lost, and its range does not say so`, { cause: error });
      lost.push(key);
    }
  }
  return lost.sort();
}

/** The keys of the model that a scan reports lost; throws for wrong, missing or additional ones. */
export function scan(state: Snapshot, model: Model, reverse = false): string[] {
  const cursor = state.cursor({ reverse });
  const seen: string[] = [];
  const lost = new Set<string>();
  for (;;) {
    try {
      const entry = cursor.next();
      if (entry === undefined) break;
      const key = nameOf(entry.key);
      const expected = model.entries.get(key);
      if (expected === undefined) throw new Error(`'${key}' was never stored, or deleted`);
      if (Buffer.compare(expected, entry.value) !== 0) throw new Error(`'${key}' has wrong bytes`);
      seen.push(key);
    } catch (error) {
      const { from, to } = requireLoss(error);
      for (const key of model.keysIn(nameOf(from), to && nameOf(to))) lost.add(key);
    }
  }
  const sorted = reverse ? seen.reverse() : seen;
  if (sorted.some((key, i) => i > 0 && key <= (sorted[i - 1] ?? ''))) throw new Error('keys are not in order');
  for (const key of sorted) lost.delete(key);
  for (const key of model.keys()) if (!lost.has(key) && !sorted.includes(key)) throw new Error(`'${key}' is missing`);
  return [...lost].sort();
}

/** As many calls as there are keys and losses, and then some: a scan has an end, either way. */
export function expectScansToEnd(snapshot: Snapshot): void {
  for (const reverse of [false, true]) {
    const cursor = snapshot.cursor({ reverse });
    for (let calls = 0; ; calls++) {
      expect(calls).toBeLessThan(5000);
      try {
        if (cursor.next() === undefined) break;
      } catch (error) {
        if (!(error instanceof LostKeysError)) throw error;
      }
    }
  }
}

/** Only a loss whose cause says what happened to the medium is one. */
export function requireLoss(error: unknown): LostKeysError {
  if (!(error instanceof LostKeysError)) throw error;
  if (error.cause instanceof PmemError || (error.cause instanceof Error && error.cause.message.includes('does not hold'))) return error;
  throw new Error('a loss without a cause', { cause: error });
}

export function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}

/** A value that no other key and version shares. */
export function valueOf(seed: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let i = 0; i < lengthBytes; i++) bytes[i] = (seed * 131 + i * 17 + (i >>> 8)) & 0xff;
  return bytes;
}

/** Seeds of a randomised test, fresh ones every time: PAGES_SEED reruns one of them, SAFE_PMEM_SEED is the first. */
export function seedsFor(count: number): number[] {
  const fixed = process.env.PAGES_SEED;
  if (fixed !== undefined) return [Number(fixed)];
  const base = Number(process.env.SAFE_PMEM_SEED ?? Date.now() % 1_000_000_000);
  return Array.from({ length: count }, (_, i) => base + i);
}
