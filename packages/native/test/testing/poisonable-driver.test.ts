/** What an application's test sees of a page that was lost, with real signals. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { MediaError, PmemFile } from '@safe-pmem/core';
import { expect, it, onTestFinished } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { poisonableDriver, poisonSupport, scratchFolder } from '../../src/testing/index.js';

const PAGES = 8;
const pageBytes = 4096;

function scratch(): string {
  const folder = scratchFolder();
  onTestFinished(() => { folder.remove(); });
  return folder.file('db');
}

async function filled(driver = poisonableDriver(nativeDriver())) {
  const file = await PmemFile.open(scratch(), { driver, create: true, size: PAGES * pageBytes - 96 });
  const content = Uint8Array.from({ length: file.size }, (_, i) => (i % 251) + 1);
  file.write(content, 0);
  file.persist();
  onTestFinished(() => file.close());
  return { driver, file, content };
}

function thrownBy(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  return undefined;
}

const lost = (page: number, length = pageBytes) => ({ offset: page * pageBytes, length });

it('can poison here, or these tests show nothing', () => {
  expect(poisonSupport()).toEqual({ supported: true });
});

it('a load meets SIGBUS, rebuild is asked for the page, and the file has its bytes again', async () => {
  const { driver, file, content } = await filled();
  expect(driver.poison(file.path, { offset: 3 * pageBytes + 7, length: 1 })).toEqual(lost(3));
  const error = thrownBy(() => { file.read(new Uint8Array(file.size), 0); });
  expect(error).toMatchObject({ code: 'ERR_PMEM_MEDIA', source: 'sigbus', operation: 'read', ranges: [lost(3)] });
  const asked: unknown[] = [];
  const { units } = await file.repair((error as MediaError).ranges, {
    rebuild: (range) => {
      asked.push(range);
      return new Uint8Array(range.length).fill(9);
    },
  });
  expect(asked).toEqual([lost(3)]);
  expect(units).toMatchObject([{ range: lost(3), lost: [lost(3)], rebuilt: [lost(3)] }]);
  content.fill(9, 3 * pageBytes, 4 * pageBytes);
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0);
  expect(bytes).toEqual(content);
  expect(new Uint8Array(readFileSync(file.path))).toEqual(content);
  const again = await PmemFile.open(file.path, { driver });
  again.read(bytes, 0);
  await again.close();
  expect(bytes).toEqual(content);
});

it('a store meets SIGBUS; without rebuild or fill the bytes are lost, and say so', async () => {
  const { driver, file } = await filled();
  driver.poison(file.path, lost(2));
  const error = thrownBy(() => { file.write(Uint8Array.of(1), 2 * pageBytes); });
  expect(error).toMatchObject({ operation: 'write', ranges: [lost(2)] });
  await file.repair(lost(2));
  expect(thrownBy(() => file.readUInt8(2 * pageBytes + 5))).toMatchObject({ code: 'ERR_PMEM_LOST' });
});

it('every way to the bytes finds the page bad until it is repaired: salvage, scrub, a view, an opener', async () => {
  const { driver, file } = await filled();
  driver.poison(file.path, lost(5));
  const { gaps } = await file.salvage();
  expect(gaps).toMatchObject([lost(5)]);
  const second = await PmemFile.open(file.path, { driver });
  expect(thrownBy(() => second.readUInt8(5 * pageBytes))).toBeInstanceOf(MediaError);
  expect(second.readUInt8(4 * pageBytes)).toBe(((4 * pageBytes) % 251) + 1);
  await second.close();
  const third = await PmemFile.open(file.path, { driver });
  expect(await third.scrub()).toMatchObject({ found: [lost(5)] });
  await third.close();
  const fourth = await PmemFile.open(file.path, { driver });
  expect(thrownBy(() => fourth.withView(lost(5), (view) => view[0]))).toBeInstanceOf(MediaError);
  await fourth.close();
});

it('the last page, of which the file has a part, is repaired and the size stays', async () => {
  const { driver, file, content } = await filled();
  driver.poison(file.path, { offset: 7 * pageBytes, length: 1 });
  const tail = lost(7, file.size - 7 * pageBytes);
  expect(thrownBy(() => file.readUInt8(7 * pageBytes + 1))).toMatchObject({ ranges: [tail] });
  await file.repair(tail, { rebuild: ({ offset, length }) => content.slice(offset, offset + length) });
  expect(new Uint8Array(readFileSync(file.path))).toEqual(content);
});

it('the bytes stay in the file for programs that read it otherwise', async () => {
  const { driver, file, content } = await filled();
  driver.poison(file.path, lost(1));
  const bytes = new Uint8Array(pageBytes);
  const plain = openSync(file.path, 'r');
  readSync(plain, bytes, 0, pageBytes, pageBytes);
  closeSync(plain);
  expect(bytes).toEqual(content.slice(pageBytes, 2 * pageBytes));
});

it('a file that is not open here, and a range that is not in it, are refused and nothing is poisoned', async () => {
  const { driver, file } = await filled();
  const other = poisonableDriver(nativeDriver());
  expect(() => other.poison(file.path, lost(0))).toThrow(/not open through this driver/);
  expect(() => driver.poison(file.path, { offset: 0, length: file.size + 1 })).toThrow(RangeError);
  expect(() => driver.poison(file.path, { offset: -1, length: 1 })).toThrow(RangeError);
  expect(() => driver.poison(`${file.path}.other`, lost(0))).toThrow(/ENOENT/);
  file.read(new Uint8Array(file.size), 0);
  await file.close();
  expect(() => driver.poison(file.path, lost(0))).toThrow(/not open through this driver/);
});
