/**
 * Pages that say what cannot be, with checksums that hold. What a page says wrongly of itself alone cannot be noticed;
 * everything else must be right, or lost by name, and nothing may throw anything but that.
 */
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { LostKeysError, PagesError } from '../../src/pages/index.js';
import { encodeCheckpoint } from '../../src/pages/checkpoint-record.js';
import { decodeLeaf, encodeLeaf } from '../../src/pages/leaf-page.js';
import { decodeRecord, encodeBatch } from '../../src/pages/log-record.js';
import { sizeOf } from '../share.js';
import { Random } from '../wal/log-machine.js';
import { expectScansToEnd, PAGE, PATHS, seedsFor, StoreMachine, valueOf } from './store-machine.js';

const KEYS = Array.from({ length: 24 }, (_, i) => `key ${String(i).padStart(2, '0')}`);
const valueFor = (key: string): Uint8Array => valueOf(Number(key.slice(4)), key.endsWith('7') ? 9000 : 500);

async function filled(): Promise<StoreMachine> {
  const machine = new StoreMachine({ pages: 32, logPages: 24, mirrored: false });
  await machine.open({ create: true });
  for (const key of KEYS) await machine.put(key, valueFor(key));
  await machine.store.checkpoint();
  await machine.close();
  return machine;
}

const NUMBERS = [0, 1, 2, 7, 39, 40, 41, 1000, 1001, 1002, 4055, 4056, 4096, 0x7fff, 0xffff];

/** Changes a field or two of a leaf or an overflow page, and its checksum with it. Returns the keys that it spoke of. */
function spoil(page: Buffer, random: Random): void {
  const isLeaf = page.toString('latin1', 4, 8) === 'leaf';
  const number = (): number => NUMBERS[random.below(NUMBERS.length)] ?? 0;
  for (let changes = 1 + random.below(2); changes > 0; changes--) {
    const low = page.readUInt16LE(32) + page.readUInt16LE(34);
    const entry = 40 + (isLeaf ? low : 0);
    const places: (() => void)[] = [
      () => page.writeUInt16LE(number(), 28),
      () => page.writeUInt16LE(number() & 7, 30),
      () => page.writeUInt16LE(number(), 32),
      () => page.writeUInt16LE(number(), 34),
      () => page.writeUInt32LE(Math.min(number(), PAGE), 36),
      () => page.writeBigUInt64LE(2n ** 64n - BigInt(number() + 1), 16),
      () => page.writeUInt8(random.below(256), 40 + random.below(page.readUInt32LE(36) % PAGE || 1) % 4000),
      () => page.writeUInt16LE(number(), Math.min(entry, PAGE - 8)),
      () => page.writeUInt16LE(number() & 3, Math.min(entry + 2, PAGE - 8)),
      () => page.writeUInt32LE(random.chance(50) ? number() : 0xffffffff - number(), Math.min(entry + 4, PAGE - 8)),
      () => page.writeUInt32LE(number() % 40, Math.min(entry + 8 + 6, PAGE - 8)),
    ];
    places[random.below(places.length)]?.();
  }
  const used = Math.min(Math.max(page.readUInt32LE(36), 8), PAGE);
  page.writeUInt32LE(crc32(page.subarray(4, used)), 0);
}

/** Which keys the leaf in this page holds, as it was written. */
function keysIn(page: Buffer): string[] {
  return KEYS.filter((key) => page.includes(key));
}

test('pages that contradict themselves lose their own keys at most, and nothing else fails', async () => {
  for (const seed of seedsFor(sizeOf({ whole: 120, share: 40 }))) {
    const random = new Random(seed);
    const machine = await filled();
    const bytes = Buffer.from(machine.driver.readFile(PATHS.file));
    const slots = Array.from({ length: bytes.length / PAGE }, (_, i) => i).filter((i) => /leaf|over/.test(bytes.toString('latin1', i * PAGE + 4, i * PAGE + 8)));
    const slot = slots[random.below(slots.length)] ?? 1;
    const page = bytes.subarray(slot * PAGE, (slot + 1) * PAGE);
    const concerned = new Set(page.toString('latin1', 4, 8) === 'leaf' ? keysIn(page) : KEYS.filter((key) => key.endsWith('7')));
    spoil(page, random);
    machine.driver.writeFile(PATHS.file, bytes);
    try {
      await machine.open();
      requireOthers(machine, concerned);
      const written = KEYS[random.below(KEYS.length)] ?? '';
      await machine.store.put(Buffer.from(written), Buffer.from('written'));
      await machine.store.clear({ gte: Buffer.from('key 20') });
      await machine.store.checkpoint();
      await machine.store.repair();
      await machine.open();
      if (written < 'key 20') expect(Buffer.from(machine.store.get(Buffer.from(written)) ?? []).toString()).toBe('written');
      expect(machine.store.get(Buffer.from('key 20'))).toBeUndefined();
      await machine.close();
    } catch (error) {
      if (error instanceof PagesError) continue;
      throw new Error(`seed ${seed}: PAGES_SEED=${seed} reruns it`, { cause: error });
    }
  }
});

/** Keys of other pages are there, or lost by name; those of the page are anything at all. */
function requireOthers(machine: StoreMachine, concerned: ReadonlySet<string>): void {
  using snapshot = machine.store.snapshot();
  for (const key of KEYS) {
    try {
      const value = snapshot.get(Buffer.from(key));
      if (!concerned.has(key)) expect(Buffer.compare(value ?? Buffer.alloc(0), valueFor(key))).toBe(0);
    } catch (error) {
      if (!(error instanceof LostKeysError)) throw error;
    }
  }
  expectScansToEnd(snapshot);
}

test('records that contradict themselves are refused whole, with a TypeError alone', () => {
  for (const seed of seedsFor(4000)) {
    const random = new Random(seed);
    const records = [
      encodeBatch([{ type: 'put', key: Buffer.from('k'), value: Buffer.from('v') }, { type: 'clear', from: Buffer.from('a'), to: Buffer.alloc(0) }]),
      encodeCheckpoint({ storeId: 1n, generation: 9, covers: 2, slotCount: 20, fileId: 3n, mirrorId: 0n, leaves: Buffer.of(6, 1, 0), leafGenerations: [1, 5, 9] }),
    ];
    const record = records[random.below(2)] ?? Buffer.alloc(0);
    for (let changes = 1 + random.below(3); changes > 0; changes--) {
      const at = random.below(record.length - 4);
      if (random.chance(50)) record.writeUInt8(random.below(256), at);
      else record.writeUInt32LE(NUMBERS[random.below(NUMBERS.length)] ?? 0xffffffff, at);
    }
    const cut = random.chance(20) ? record.subarray(0, random.below(record.length)) : record;
    try {
      decodeRecord(cut);
    } catch (error) {
      if (!(error instanceof TypeError) || error instanceof RangeError) throw new Error(`PAGES_SEED=${seed}`, { cause: error });
    }
  }
});

test('two pages that hold the same keys are both lost, and the others are not', async () => {
  const machine = await filled();
  const bytes = Buffer.from(machine.driver.readFile(PATHS.file));
  const pages = Array.from({ length: bytes.length / PAGE }, (_, i) => bytes.subarray(i * PAGE, (i + 1) * PAGE));
  const slot = pages.findIndex((page) => page.toString('latin1', 4, 8) === 'leaf' && page.includes('key 05'));
  const identity = { storeId: bytes.readBigUInt64LE(slot * PAGE + 8), slot };
  const leaf = decodeLeaf(bytes.subarray(slot * PAGE, (slot + 1) * PAGE), identity);
  if (leaf?.high === undefined) throw new Error('the leaf has an end');
  const wider = encodeLeaf(identity, leaf.generation, { ...leaf, high: Buffer.concat([leaf.high, Buffer.from('x')]) });
  machine.driver.writeFile(PATHS.file, Buffer.concat([bytes.subarray(0, slot * PAGE), wider, bytes.subarray((slot + 1) * PAGE)]));
  const store = await machine.open();
  expect(() => store.get(Buffer.from('key 05'))).toThrow(LostKeysError);
  expect(() => store.get(leaf.high as Buffer)).toThrow(LostKeysError);
  expect(Buffer.compare(store.get(Buffer.from('key 23')) ?? Buffer.alloc(0), valueFor('key 23'))).toBe(0);
  await machine.put('key 05', valueFor('key 05'));
  await store.checkpoint();
  await machine.open();
  expect(machine.store.has(Buffer.from('key 05'))).toBe(true);
});
