/**
 * The log on files that contradict themselves with checksums that hold: the data, a named loss, or an error of its own.
 */
import { expect, test } from 'vitest';
import type { Wal } from '../../src/wal/index.js';
import { LogMachine, payloadOf, Random } from '../wal/log-machine.js';
import { fuzz, unlessRefused } from './cases.js';
import type { Part } from './spoil-log.js';
import { spoilLog } from './spoil-log.js';

const PATHS = { log: '/pmem0/log', mirror: '/pmem1/mirror' } as const;
const PAGES = 8;
const PAYLOADS = new Map([10, 900, 3000, 5000, 40, 4040, 0, 700].map((length, i) => [i + 1, payloadOf(i + 1, length)]));

interface Image {
  readonly mirrored: boolean;
  readonly bytes: readonly Buffer[];
}

/** Logs in several states: some have been through their ring, some were killed with a batch open. */
async function imageOf(mirrored: boolean, isWrapped: boolean, isClosed: boolean): Promise<Image> {
  const machine = new LogMachine({ pages: PAGES, mirrored });
  const wal = await machine.open({ create: true });
  for (const [sequence, payload] of PAYLOADS) {
    if (isWrapped && sequence === 5) wal.truncate(3);
    wal.append(payload);
    if (sequence % 2 === 0) wal.commit();
  }
  if (isClosed) wal.close();
  await machine.closeFiles();
  const paths = mirrored ? [PATHS.log, PATHS.mirror] : [PATHS.log];
  return { mirrored, bytes: paths.map((path) => Buffer.from(machine.driver.readFile(path))) };
}

const flags = [false, true];
const images = Promise.all(flags.flatMap((a) => flags.flatMap((b) => flags.map((c) => imageOf(a, b, c)))));

/** Numbers ascend without gaps; records of untouched pages have their bytes; a replay has an end. */
async function requireReplay(wal: Wal, spoilt: Part): Promise<void> {
  let next: number | undefined;
  let items = 0;
  for await (const item of wal.replay()) {
    expect(++items).toBeLessThan(10_000);
    const first = item.type === 'record' ? item.sequence : item.first;
    if (next !== undefined) expect(first).toBe(next);
    const last = item.type === 'record' ? first : item.last;
    if (last === undefined) break;
    expect(Number.isSafeInteger(first) && Number.isSafeInteger(last) && first <= last).toBe(true);
    next = last + 1;
    const original = item.type === 'record' ? PAYLOADS.get(item.sequence) : undefined;
    if (spoilt === 'headers' && item.type === 'record') {
      expect(original).toBeDefined();
      expect(Buffer.compare(item.payload, original ?? Buffer.alloc(0))).toBe(0);
    }
  }
}

async function oneCase(random: Random): Promise<void> {
  const all = await images;
  const image = all[random.below(all.length)] as Image;
  const machine = new LogMachine({ pages: PAGES, mirrored: image.mirrored });
  const seed = random.below(2 ** 30);
  let part: Part = 'headers';
  for (const [index, path] of (image.mirrored ? [PATHS.log, PATHS.mirror] : [PATHS.log]).entries()) {
    const bytes = Buffer.from(image.bytes[index] as Buffer);
    // The same in both files, more often than not: a contradiction in one of them is just a bad page.
    if (index === 0 || random.chance(70)) part = spoilLog(bytes, new Random(seed));
    machine.driver.writeFile(path, bytes);
  }
  const options = random.chance(20) ? { readOnly: true } : random.chance(20) ? { attachMirror: true } : {};
  const wal = await unlessRefused(() => machine.open(options));
  if (wal === undefined) return;
  await unlessRefused(() => requireReplay(wal, part));
  for (const from of [1, 4, 2 ** 40]) {
    await unlessRefused(async () => {
      for await (const item of wal.replay({ from })) if (item.type === 'lost' && item.last === undefined) break;
    });
  }
  const appended = await unlessRefused(() => wal.appendDurable(payloadOf(99, 300)));
  await unlessRefused(() => wal.repair());
  const { lastSequence } = wal;
  if (appended !== undefined && lastSequence !== undefined) {
    for await (const item of wal.replay({ from: appended })) {
      if (item.type === 'record') expect(Buffer.compare(item.payload, payloadOf(99, 300))).toBe(0);
    }
    await unlessRefused(() => wal.truncate(lastSequence));
  }
  if (wal.commitPointLost) await unlessRefused(() => wal.reset(50));
  wal.close();
  await machine.closeFiles();
}

test('a log whose bytes contradict themselves', () => fuzz('wal', 150, oneCase), 600_000);
