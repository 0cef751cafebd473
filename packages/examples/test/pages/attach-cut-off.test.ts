/** A file of the log that is made again from its twin, and power fails before the copy is complete. */
import { describe, expect, test } from 'vitest';
import { sizeOf } from '../share.js';
import { Wal } from '../../src/wal/index.js';
import { type Member, PAGE, PATHS, StoreMachine, valueOf } from './store-machine.js';

const LOG_PAGES = 12;
/** Operations of open() between two at which it is cut off. */
const STEP = sizeOf({ whole: 1, share: 7 });
const LOGS = ['log', 'logMirror'] as const;

/** A store with records of several pages in its log, and the bytes of the log at an earlier moment. */
async function filled(): Promise<{ readonly machine: StoreMachine; readonly older: Uint8Array }> {
  const machine = new StoreMachine({ logPages: LOG_PAGES });
  await machine.open({ create: true });
  await machine.put('a', valueOf(1, 2000));
  await machine.close();
  const older = machine.driver.readFile(PATHS.log);
  await machine.open();
  await machine.store.checkpoint();
  for (const [i, lengthBytes] of [6000, 30, 5000].entries()) await machine.put(`k${i}`, valueOf(i, lengthBytes));
  await machine.close();
  return { machine, older };
}

/** Makes what the file holds, which is not part of the log. */
const LOST = {
  'blank': () => new Uint8Array(LOG_PAGES * PAGE),
  'older': (older: Uint8Array) => older,
} as const;

/** Cuts off an open() at operation `at`. False if it has ended before. */
async function isCutOff(machine: StoreMachine, at: number, create = false): Promise<boolean> {
  const last = machine.driver.operations + at;
  const stop = machine.driver.observe(({ index }) => (index === last ? { crash: true } : undefined));
  try {
    await machine.open({ create, attachMirror: true });
    await machine.close();
    return false;
  } catch {
    machine.forget();
    return true;
  } finally {
    stop();
  }
}

describe.each(LOGS)('%s', (member: Member) => {
  test.each(Object.entries(LOST))('that was %s: the next open() goes on', async (_, bytesOf) => {
    for (let at = 1; ; at += STEP) {
      const { machine, older } = await filled();
      machine.driver.writeFile(PATHS[member], bytesOf(older));
      const wasCutOff = await isCutOff(machine, at);
      await machine.open({ attachMirror: true });
      expect(machine.account(), `at operation ${at}`).toEqual([]);
      await machine.close();
      await machine.open();
      expect(machine.account(), `at operation ${at}, opened again`).toEqual([]);
      await machine.close();
      if (!wasCutOff) break;
    }
  });
});

test('a new store whose making is cut off twice is made by the next open()', async () => {
  for (let at = 1, wasCutOff = true; wasCutOff; at += STEP) {
    for (let second = 30; second < 110; second += STEP) {
      const machine = new StoreMachine({ logPages: LOG_PAGES });
      wasCutOff = await isCutOff(machine, at, true);
      await isCutOff(machine, second, true);
      await machine.open({ create: true, attachMirror: true });
      await machine.put('a', valueOf(1, 5000));
      expect(machine.account(), `at operations ${at} and ${second}`).toEqual([]);
      await machine.close();
    }
  }
  // Of test:states it takes 75 s, and twice as long beside other work.
}, 600_000);

describe('a file that holds something else is not overwritten', () => {
  async function refused(bytesOf: (current: Uint8Array) => Uint8Array, source?: 'older'): Promise<void> {
    const { machine, older } = await filled();
    const bytes = bytesOf(machine.driver.readFile(PATHS.logMirror));
    if (source === 'older') machine.driver.writeFile(PATHS.log, older);
    machine.driver.writeFile(PATHS.logMirror, bytes);
    await expect(machine.open({ attachMirror: true })).rejects.toThrow();
    expect(machine.driver.readFile(PATHS.logMirror)).toEqual(bytes);
    machine.forget();
  }

  const withoutHeaders = (log: Uint8Array): Uint8Array => {
    const bytes = Uint8Array.from(log);
    for (const page of [0, LOG_PAGES - 1]) bytes.fill(0, page * PAGE, (page + 1) * PAGE);
    return bytes;
  };

  test('newer records whose headers are gone', async () => {
    await refused(withoutHeaders, 'older');
  });

  test('the log of another store whose headers are gone', async () => {
    const other = await filled();
    await refused(() => withoutHeaders(other.machine.driver.readFile(PATHS.log)));
  });

  test('one word of a file, beside a log that no store was made in', async () => {
    const machine = new StoreMachine({ logPages: LOG_PAGES });
    const [file, mirror] = [await machine.openFile('log'), await machine.openFile('logMirror')];
    const wal = await Wal.open({ file, create: true });
    wal.close();
    mirror.write(Buffer.from('precious'), 5 * PAGE);
    await expect(machine.open({ create: true, attachMirror: true })).rejects.toThrow();
    expect(Buffer.from(machine.page('logMirror', 5).subarray(0, 8)).toString()).toBe('precious');
  });

  test.each([0, 1, LOG_PAGES - 1])('one word in page %i of a blank file', async (page) => {
    await refused((current) => new Uint8Array(current.length).fill(0x55, page * PAGE + 128, page * PAGE + 136));
  });
});
