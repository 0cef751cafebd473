/**
 * Random lives of a store whose processes are killed, or close it, or whose power fails, in any operation. What a
 * process has read, or was told is durable, the next one reads too; and each of them can write.
 */
import { expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import type { MockDriver, MockProcess } from '@safe-pmem/mock';
import { mockDriver, SimulatedCrash } from '@safe-pmem/mock';
import type { Change } from '../../src/pages/index.js';
import { PageStore } from '../../src/pages/index.js';
import { sizeOf } from '../share.js';
import { Random } from '../wal/log-machine.js';
import type { Member } from './store-machine.js';
import { accountFor, Model, PAGE, PATHS, seedsFor, valueOf } from './store-machine.js';

const LIVES = sizeOf({ whole: 500, share: 20 });
const PROCESSES = 6;
const PAGES: Readonly<Record<Member, number>> = { file: 6, mirror: 6, log: 16, logMirror: 16 };
const LENGTHS = [3, 300, 1500, 6000] as const;

class Life {
  readonly #random: Random;
  readonly #driver: MockDriver;
  readonly #members: readonly Member[];
  /** The states that the store may hold: of a change that was not acknowledged, with it and without. */
  #possible: readonly Model[] = [new Model()];
  #isMade = false;
  #values = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const dax = this.#random.chance(50);
    this.#members = this.#random.chance(60) ? ['file', 'mirror', 'log', 'logMirror'] : ['file', 'log', 'logMirror'];
    this.#driver = mockDriver({ seed, dax });
    for (const member of this.#members) this.#driver.writeFile(PATHS[member], new Uint8Array(PAGES[member] * PAGE));
  }

  async run(): Promise<void> {
    for (let i = 0; i < PROCESSES; i++) await this.#runProcess(this.#driver.process(`process ${i}`));
    const store = await this.#open(this.#driver);
    this.#judge(store);
    await store.put(Buffer.from('last'), valueOf(1, 15_000));
    await store.close();
  }

  async #runProcess(process: MockProcess): Promise<void> {
    const driver = this.#driver;
    const end = this.#random.below(3);
    const last = driver.operations + this.#random.below(400);
    const stop = driver.observe(({ index }) => {
      if (index !== last || end === 0) return undefined;
      if (end === 1) return { crash: true };
      process.kill();
      return undefined;
    });
    try {
      const store = await this.#open(process);
      this.#isMade = true;
      this.#judge(store);
      for (let i = this.#random.below(25); i > 0; i--) await this.#change(store);
      if (this.#random.chance(50)) await store.close();
    } catch (error) {
      if (!isCrash(error)) throw error;
    } finally {
      stop();
    }
    process.kill();
    if (this.#random.chance(50)) driver.crash(this.#random.chance(50) ? 'lose-all' : undefined);
  }

  async #open(driver: MockDriver | MockProcess): Promise<PageStore> {
    const files: Partial<Record<Member, PmemFile>> = {};
    for (const member of this.#members) files[member] = await PmemFile.open(PATHS[member], { driver });
    const isNew = !this.#isMade;
    // A log that two processes began and did not finish is made with attachMirror alone.
    return PageStore.open({ ...(files as Record<Member, PmemFile>), create: isNew, attachMirror: isNew });
  }

  async #change(store: PageStore): Promise<void> {
    const what = this.#random.below(20);
    if (what < 2) {
      await store.checkpoint();
    } else if (what === 2) {
      const [from, to] = this.#random.chance(25) ? [Buffer.alloc(0)] : [this.#key(), this.#key()];
      await this.#apply([{ type: 'clear', from, to }], () => store.clear({ gte: from, lt: to }));
    } else {
      const changes = Array.from({ length: 1 + this.#random.below(4) }, () => this.#putOrDelete());
      await this.#apply(changes, () => store.batch(changes));
    }
  }

  #putOrDelete(): Change {
    const key = this.#key();
    if (this.#random.chance(20)) return { type: 'del', key };
    const length = LENGTHS[this.#random.below(LENGTHS.length)] as number;
    return { type: 'put', key, value: valueOf(++this.#values, length) };
  }

  #key(): Buffer {
    return Buffer.from(`k${String(this.#random.below(60)).padStart(3, '0')}`);
  }

  async #apply(changes: readonly Change[], run: () => Promise<void>): Promise<void> {
    const after = this.#possible.map((model) => {
      const next = model.copy();
      next.apply(changes);
      return next;
    });
    this.#possible = [...this.#possible, ...after];
    await run();
    this.#possible = after;
  }

  /** Checks the store against the states that it may hold; the one that was read stays. */
  #judge(store: PageStore): void {
    using snapshot = store.snapshot();
    const reasons: unknown[] = [];
    this.#possible = this.#possible.filter((model) => {
      try {
        expect(accountFor(snapshot, model)).toEqual([]);
        return true;
      } catch (error) {
        if (isCrash(error)) throw error;
        reasons.push(error);
        return false;
      }
    });
    if (this.#possible.length === 0) throw reasons.at(-1);
  }
}

function isCrash(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof SimulatedCrash) return true;
  return false;
}

test('nothing that was read or acknowledged is lost, and every batch that fits is taken', async () => {
  for (const seed of seedsFor(LIVES)) {
    await new Life(seed).run().catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
});
