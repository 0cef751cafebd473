import { PmemFile } from '@safe-pmem/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { content, failure, filled, PATH, read } from './opened.js';

const SIZE = 10_000;

describe('arguments are checked once, and nothing is touched', () => {
  let driver = mockDriver();
  let file: PmemFile;
  beforeEach(async () => {
    driver = mockDriver();
    file = await filled(driver, SIZE);
  });
  afterEach(async () => {
    expect(driver.readFile(PATH)).toEqual(content(SIZE));
    await file.close();
  });

  const positions: [unknown, typeof TypeError | typeof RangeError][] = [
    [-1, RangeError],
    [0.5, RangeError],
    [Number.NaN, RangeError],
    [Infinity, RangeError],
    [2 ** 53, RangeError],
    [SIZE, RangeError],
    [SIZE - 7, RangeError],
    ['0', TypeError],
    [undefined, TypeError],
    [null, TypeError],
    [0n, TypeError],
  ];
  it.each(positions)('position %s', (position, kind) => {
    const before = driver.operations;
    const at = position as number;
    expect(() => { file.read(new Uint8Array(8), at); }).toThrow(kind);
    expect(() => { file.write(new Uint8Array(8), at); }).toThrow(kind);
    if (position !== undefined) expect(() => { file.persist(at, 8); }).toThrow(kind);
    expect(driver.operations).toBe(before);
  });

  const detached = new Uint8Array(8);
  structuredClone(detached, { transfer: [detached.buffer] });
  const buffer = new ArrayBuffer(16, { maxByteLength: 32 });
  const shrunk = new Uint8Array(buffer, 8, 8);
  buffer.resize(8);
  const buffers: [string, unknown, typeof TypeError | typeof RangeError][] = [
    ['an array', [1, 2, 3], TypeError],
    ['a string', 'abc', TypeError],
    ['a DataView', new DataView(new ArrayBuffer(8)), TypeError],
    ['a Float64Array', new Float64Array(4), TypeError],
    ['null', null, TypeError],
    ['an empty array', new Uint8Array(0), RangeError],
    ['a detached buffer', detached, TypeError],
    ['a buffer resized from under it', shrunk, RangeError],
    ['more than the file', new Uint8Array(SIZE + 1), RangeError],
  ];
  it.each(buffers)('%s for bytes', (_, bytes, kind) => {
    const before = driver.operations;
    expect(() => { file.read(bytes as Uint8Array, 0); }).toThrow(kind);
    expect(() => { file.write(bytes as Uint8Array, 0); }).toThrow(kind);
    expect(driver.operations).toBe(before);
  });

  const ranges: [unknown, typeof TypeError | typeof RangeError][] = [
    [{ offset: 0, length: 0 }, RangeError],
    [{ offset: SIZE, length: 1 }, RangeError],
    [{ offset: 0, length: SIZE + 1 }, RangeError],
    [{ offset: -1, length: 1 }, RangeError],
    [{ offset: 1, length: Number.MAX_SAFE_INTEGER }, RangeError],
    [{ offset: 0.5, length: 1 }, RangeError],
    [{ offset: 0 }, TypeError],
    [null, TypeError],
    ['0-5', TypeError],
  ];
  it.each(ranges)('range %j', async (range, kind) => {
    const before = driver.operations;
    await expect(file.repair(range as never, { fill: 0 })).rejects.toThrow(kind);
    await expect(file.salvage(range as never)).rejects.toThrow(kind);
    await expect(file.scrub({ range: range as never })).rejects.toThrow(kind);
    expect(driver.operations).toBe(before);
  });

  const repairOptions: [object, typeof TypeError | typeof RangeError][] = [
    [{ fill: 256 }, RangeError],
    [{ fill: -1 }, RangeError],
    [{ fill: 'x' }, TypeError],
    [{ fill: 0, rebuild: () => new Uint8Array(1) }, TypeError],
    [{ rebuild: 'replica' }, TypeError],
    [{ strategy: 'punch-hole' }, TypeError],
    [{ allowRelocation: 1 }, TypeError],
    [{ onProgress: true }, TypeError],
  ];
  it.each(repairOptions)('repair options %j', async (options, kind) => {
    await expect(file.repair({ offset: 0, length: 1 }, options)).rejects.toThrow(kind);
  });

  const openOptions: [unknown, unknown, typeof TypeError | typeof RangeError][] = [
    ['', { driver: mockDriver() }, TypeError],
    ['/a\0b', { driver: mockDriver() }, TypeError],
    [5, { driver: mockDriver() }, TypeError],
    [PATH, undefined, TypeError],
    [PATH, {}, TypeError],
    [PATH, { driver: {} }, TypeError],
    [PATH, { driver: mockDriver(), size: 0 }, RangeError],
    [PATH, { driver: mockDriver(), size: 1.5 }, RangeError],
    [PATH, { driver: mockDriver(), size: '4096' }, TypeError],
    [PATH, { driver: mockDriver(), create: 'yes' }, TypeError],
    [PATH, { driver: mockDriver(), create: true, readOnly: true }, TypeError],
    [PATH, { driver: mockDriver(), journal: 'ignore' }, TypeError],
  ];
  it.each(openOptions)('open(%j, %o)', async (path, options, kind) => {
    await expect(PmemFile.open(path as string, options as never)).rejects.toThrow(kind);
  });

  it('a closed file refuses everything with ERR_PMEM_CLOSED', async () => {
    await file.close();
    expect(file.closed).toBe(true);
    const calls: (() => unknown)[] = [
      () => { file.read(new Uint8Array(1), 0); },
      () => { file.write(new Uint8Array(1), 0); },
      () => { file.persist(); },
      () => file.persistAsync(),
      () => file.salvage(),
      () => file.scrub(),
      () => file.badBlocks(),
      () => file.repair({ offset: 0, length: 1 }),
      () => file.resize(1),
    ];
    for (const call of calls) expect((await failure('ERR_PMEM_CLOSED', call)).message).toContain(PATH);
    await file.close();
  });

  it('a read-only file refuses what would change it', async () => {
    const reader = await PmemFile.open(PATH, { driver, readOnly: true });
    for (const call of [
      () => { reader.write(new Uint8Array(1), 0); },
      () => reader.repair({ offset: 0, length: 1 }),
      () => reader.resize(1),
    ]) {
      await failure('ERR_PMEM_READ_ONLY', call);
    }
    expect(read(reader, 5000, 10)).toEqual(content(SIZE).slice(5000, 5010));
    await reader.close();
  });
});

describe('an empty file', () => {
  it('can be opened, asked and resized', async () => {
    const driver = mockDriver();
    const file = await PmemFile.open(PATH, { driver, create: true });
    expect(file.size).toBe(0);
    file.persist();
    await file.persistAsync();
    expect(await file.salvage()).toEqual({ range: { offset: 0, length: 0 }, pieces: [], gaps: [] });
    expect((await file.scrub()).mediaErrors).toEqual([]);
    await expect(file.salvage({ offset: 0, length: 1 })).rejects.toThrow(RangeError);
    await expect(file.scrub({ range: { offset: 0, length: 1 } })).rejects.toThrow(RangeError);
    expect(() => { file.read(new Uint8Array(1), 0); }).toThrow(RangeError);
    await file.resize(5);
    file.write(Uint8Array.of(1, 2, 3, 4, 5), 0);
    await file.close();
  });
});
