/**
 * A header copy that has missed a commit point, because its store was refused once: what it names must not become
 * older, whatever is stored there next and wherever power fails, since it may be the only copy that can be read then.
 */
import { describe, expect, test } from 'vitest';
import type { Wal } from '../../src/wal/index.js';
import { powerFails } from '../power-fails.js';
import { sizeOf } from '../share.js';
import { LogMachine, PAGE, accountFor, payloadOf, seedsFor } from './log-machine.js';

const PAGES = 8;
/** Bus errors without poison: nothing is wrong with the page afterwards. */
const ONCE = { signalCode: 4, granuleLog2: 12 };

/** Count of commit points that the copy misses; the filesystem has DAX. */
const CASES: readonly (readonly [number, boolean])[] = [[1, true], [2, false], [2, true], [3, true], [1, false]];

interface BehindLog {
  readonly machine: LogMachine;
  readonly wal: Wal;
  readonly records: Map<number, Uint8Array>;
  /** The last record that the copy knows of. */
  readonly known: number;
}

function appendTo({ records, wal }: Pick<BehindLog, 'records' | 'wal'>, length: number): void {
  const payload = payloadOf(records.size + 1, length);
  records.set(wal.append(payload), payload);
}

/** A log whose last header page has missed the last `missed` commit points. */
async function behind(missed: number, seed: number, dax: boolean): Promise<BehindLog> {
  const machine = new LogMachine({ pages: PAGES, seed, dax });
  const log = { machine, wal: await machine.open({ create: true }), records: new Map<number, Uint8Array>() };
  for (const length of [10, 3000, 40]) {
    appendTo(log, length);
    log.wal.commit();
  }
  const known = log.records.size;
  const stop = machine.driver.observe(({ name, position }) =>
    (name === 'write' && position >= (PAGES - 1) * PAGE ? ONCE : undefined));
  for (let i = 0; i < missed; i++) {
    // Leaves its page: a commit that stays in it stores no point.
    appendTo(log, 4040);
    expect(log.wal.commit().missing).toMatchObject([{ range: { offset: (PAGES - 1) * PAGE } }]);
  }
  stop();
  return { ...log, known };
}

const NEXT: Readonly<Record<string, (log: BehindLog) => Promise<void>>> = {
  'a commit': (log) => {
    appendTo(log, 80);
    expect(log.wal.commit().missing).toEqual([]);
    return Promise.resolve();
  },
  'writers that share a commit': async (log) => {
    const payload = payloadOf(log.records.size + 1, 90);
    log.records.set(log.wal.nextSequence ?? 0, payload);
    await log.wal.appendDurable(payload);
  },
  'a truncation': ({ wal }) => {
    wal.truncate(1);
    return Promise.resolve();
  },
  'a repair': async ({ wal }) => {
    await wal.repair();
  },
  'the next start': async ({ machine }) => {
    await machine.open();
  },
  'the end': async ({ wal, machine }) => {
    wal.close();
    await machine.open();
  },
};

describe.each(Object.keys(NEXT))('a header copy that has missed commit points, and %s', (next) => {
  test.each(sizeOf({ whole: CASES, share: CASES.slice(0, 2) }))(
    'missed %i, dax: %s: power fails at any moment, and the other copy is lost: none that it knew of is gone',
    async (missed, dax) => {
      for (const seed of seedsFor(sizeOf({ whole: 6, share: 1 }))) {
        let at = 1;
        for (; ; at++) {
          const log = await behind(missed, seed, dax);
          const { machine, records, known } = log;
          if (!(await powerFails(machine.driver, at, () => NEXT[next]?.(log)))) break;
          machine.files = [];
          machine.poison('log', 0);
          const again = await machine.open();
          const found = `WAL_SEED=${seed}, power failed at operation ${at}`;
          expect(again.lastSequence, found).toBeGreaterThanOrEqual(known);
          expect((await accountFor(again, records)).lost, found).toEqual([]);
        }
        expect(at).toBeGreaterThan(3);
      }
    },
  );
});
