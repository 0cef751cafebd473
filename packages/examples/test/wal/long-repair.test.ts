/** Power fails anywhere in a repair of a hundred pages and more, which takes several steps, beside commits. */
import { describe, expect, test } from 'vitest';
import type { CrashChooser } from '@safe-pmem/mock';
import { SimulatedCrash } from '@safe-pmem/mock';
import type { Role, Wal } from '../../src/wal/index.js';
import { sizeOf } from '../share.js';
import {
  LogMachine, PERSIST_WAYS, Random, accountFor, commitRecords, payloadOf, seedsFor, sequencesByPage,
} from './log-machine.js';

const PAGES = 320;
const RUNS = sizeOf({ whole: 40, share: 3 });
const COMMITS = 40;
/** Refusals after which the records are still there. */
const CLEAN = ['ERR_WAL_BUSY', 'ERR_PMEM_LOCKED'];

/** A log in two files of which many pages of the first are bad, and sometimes a few of the second. */
class Life {
  readonly machine: LogMachine;
  readonly records: Map<number, Uint8Array>;
  readonly random: Random;
  readonly #bad: Readonly<Record<Role, Set<number>>> = { log: new Set(), mirror: new Set() };
  acknowledged = 0;

  constructor(template: LogMachine, records: ReadonlyMap<number, Uint8Array>, seed: number) {
    this.machine = Object.assign(new LogMachine({ pages: 4, mirrored: true }), { driver: template.driver.clone() });
    this.records = new Map(records);
    this.random = new Random(seed);
    const used = Math.max(...sequencesByPage(template).keys());
    for (let i = 0; i < 160; i++) this.#poison('log', 1 + this.random.below(used));
    for (let i = this.random.below(4); i > 1; i--) this.#poison('mirror', 1 + this.random.below(used));
  }

  #poison(role: Role, page: number): void {
    this.#bad[role].add(page);
    this.machine.poison(role, page);
  }

  async append(wal: Wal, lengthBytes: number): Promise<void> {
    const sequence = wal.nextSequence ?? 0;
    this.records.set(sequence, payloadOf(sequence, lengthBytes));
    wal.append(payloadOf(sequence, lengthBytes));
    this.acknowledged = Math.max(this.acknowledged, (await wal.commitAsync()).lastSequence);
  }

  /** Repairs everything, and commits records meanwhile. False if power failed. */
  async repair(wal: Wal): Promise<boolean> {
    const repair = { isOver: false };
    const ended = wal.repair().finally(() => { repair.isOver = true; });
    ended.catch(() => undefined);
    try {
      for (let i = 0; i < COMMITS && !repair.isOver; i++) {
        await this.append(wal, this.random.below(3000)).catch((error: unknown) => {
          if (!CLEAN.includes((error as { code?: string }).code ?? '')) throw error;
        });
        for (let turns = this.random.below(6); turns > 0; turns--) await new Promise(setImmediate);
      }
      await ended;
      return true;
    } catch (error) {
      for (let cause: unknown = error; cause !== undefined; cause = (cause as Error).cause) {
        if (cause instanceof SimulatedCrash) return false;
      }
      throw error;
    }
  }

  /** The next process reads, appends and repairs; nothing is lost but what lay in a page that is bad in both files. */
  async goOn(): Promise<void> {
    const inBoth = [...this.#bad.log].filter((page) => this.#bad.mirror.has(page)).length;
    for (let start = 0; start < 3; start++) {
      const wal = await this.machine.open();
      expect(wal.lastSequence).toBeGreaterThanOrEqual(this.acknowledged);
      const { lost } = await accountFor(wal, this.records);
      expect(lost.length, `lost ${lost.join()}; ${inBoth} pages are bad in both files`).toBeLessThanOrEqual(8 * inBoth);
      await this.append(wal, 50);
      if (start === 1) expect((await wal.repair()).failed).toEqual([]);
      this.machine.crash(() => 0);
    }
  }
}

describe.each(PERSIST_WAYS.slice(0, sizeOf({ whole: 2, share: 1 })))('persisted %s', (_, options) => {
  test('what was acknowledged is there after it, and after the next power failures', async () => {
    const template = new LogMachine({ pages: PAGES, mirrored: true, ...options });
    const first = await template.open({ create: true });
    const records = commitRecords(first, Array.from({ length: 260 }, (_, i) => [4000, 3000, 900][i % 3] ?? 0), 7);
    first.close();
    await template.closeFiles();
    const whole = new Life(template, records, 1);
    const before = whole.machine.driver.operations;
    expect(await whole.repair(await whole.machine.open())).toBe(true);
    // Other lives need fewer operations.
    const latest = Math.floor(0.6 * (whole.machine.driver.operations - before));
    let failures = 0;
    for (const seed of seedsFor(RUNS)) {
      const life = new Life(template, records, seed);
      const { driver } = life.machine;
      const wal = await life.machine.open();
      const moment = driver.operations + 1 + life.random.below(latest);
      const chooser: CrashChooser = ({ alternatives }) => life.random.below(alternatives);
      const stop = driver.observe(({ index }) => (index < moment ? undefined : { crash: true, chooser }));
      try {
        if (await life.repair(wal)) life.machine.crash(() => 0);
        else failures++;
        stop();
        life.machine.files = [];
        await life.goOn();
      } catch (cause) {
        throw new Error(`WAL_SEED=${seed}`, { cause });
      }
    }
    // Of a few, each may be over before its power fails.
    expect(failures).toBeGreaterThan(sizeOf({ whole: RUNS / 2, share: -1 }));
  });
});
