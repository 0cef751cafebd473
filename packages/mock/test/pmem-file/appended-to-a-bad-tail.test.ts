// Others append to the last page while a repair of it fails after its write. What they have appended stays with the
// file: the next open() does not take it for what the write of the whole page has added.
import { Errno, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { loseAll, type MockDriver, mockDriver, type MockOptions } from '../../src/index.js';
import { content, failure, openIn, PAGE, PATH, read } from './opened.js';

const SIZE = 2 * PAGE + 100;
const TAIL = { offset: 2 * PAGE, length: 100 };
const WHOLE_TAIL = { offset: 2 * PAGE, length: PAGE };
const machines: MockOptions[] = [
  { filesystem: 'ext4' }, { filesystem: 'xfs' }, { kernel: '5.10' }, { dax: false },
];

/** A file whose last page is bad. `beforeVerifying` happens once that page was written and flushed. */
async function badTail(
  options: MockOptions, beforeVerifying: (driver: MockDriver) => void,
): Promise<[MockDriver, PmemFile]> {
  const driver = mockDriver(options);
  driver.writeFile(PATH, content(SIZE));
  const file = await openIn(driver, 'here');
  driver.poison(PATH, WHOLE_TAIL);
  let isDone = false;
  driver.observe(({ name }) => {
    if (name !== 'remap' || isDone) return;
    isDone = true;
    beforeVerifying(driver);
  });
  return [driver, file];
}

/** A file with a bad last page that a repair has filled with sevens and could not flush, to which others add zeros. */
async function unflushed(options: MockOptions, added: number, refused = 'sync'): Promise<[MockDriver, PmemFile]> {
  const driver = mockDriver(options);
  driver.writeFile(PATH, content(SIZE));
  const file = await openIn(driver, 'here');
  driver.poison(PATH, WHOLE_TAIL);
  const stop = driver.observe(({ name, step }) => {
    if (name !== refused || step !== undefined) return undefined;
    if (driver.readFile(PATH).length === SIZE) driver.append(PATH, new Uint8Array(added));
    return { errno: Errno.EIO };
  });
  await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(TAIL, { fill: 7 }));
  stop();
  return [driver, file];
}

it('others append zeros to a last page that was reset and not written: the next open() writes it', async () => {
  const [driver, file] = await unflushed({ kernel: '5.10' }, 50, 'pwrite');
  await file.close();
  const again = await openIn(driver, 'later');
  expect(again.size).toBe(SIZE + 50);
  expect(read(again, TAIL.offset, 150)).toEqual(new Uint8Array(150).fill(7, 0, 100));
});

it('others append behind what the write of the page has added, before that is cut off: all of it stays', async () => {
  const driver = mockDriver({ kernel: '6.12' });
  driver.writeFile(PATH, content(SIZE));
  const file = await openIn(driver, 'here');
  driver.poison(PATH, WHOLE_TAIL);
  const isGrown = (): boolean => driver.readFile(PATH).length > SIZE;
  const stop = driver.observe(({ name }) => {
    // The repair looks at what its write has added.
    if (name === 'pread' && isGrown()) driver.append(PATH, new Uint8Array(50).fill(5));
    return undefined;
  });
  await file.repair(TAIL, { fill: 7 });
  stop();
  expect(driver.readFile(PATH).length).toBe(3 * PAGE + 50);
  expect(driver.readFile(PATH).subarray(3 * PAGE)).toEqual(new Uint8Array(50).fill(5));
});

it('a process dies before it cuts off what its write has added: a reader maps no more than there was', async () => {
  const driver = mockDriver({ kernel: '6.12' });
  driver.writeFile(PATH, content(SIZE));
  const file = await openIn(driver, 'dies');
  driver.poison(PATH, WHOLE_TAIL);
  driver.observe(({ name, process }) => {
    if (process === 'dies' && name === 'truncate') driver.process('dies').kill();
    return undefined;
  });
  await file.repair(TAIL, { fill: 7 }).catch(() => undefined);
  expect(driver.readFile(PATH).length).toBe(3 * PAGE);
  const reader = await openIn(driver, 'reader', { readOnly: true });
  expect(reader.size).toBe(SIZE);
  await reader.close();
  expect((await openIn(driver, 'later')).size).toBe(SIZE);
});

it('a process dies before it cuts off what its write has added: what comes behind it in open() stays', async () => {
  const driver = mockDriver({ kernel: '6.12' });
  driver.writeFile(PATH, content(SIZE));
  const file = await openIn(driver, 'dies');
  driver.poison(PATH, WHOLE_TAIL);
  let appended = 0;
  driver.observe(({ name, process }) => {
    if (process === 'dies' && name === 'truncate') driver.process('dies').kill();
    const isFirst = process === 'later' && name === 'sync' && appended++ === 0;
    if (isFirst) driver.append(PATH, new Uint8Array(50).fill(5));
    return undefined;
  });
  await file.repair(TAIL, { fill: 7 }).catch(() => undefined);
  const later = await openIn(driver, 'later');
  expect(appended).toBe(1);
  expect(read(later, TAIL.offset, 100)).toEqual(new Uint8Array(100).fill(7));
  expect(driver.readFile(PATH).length).toBe(3 * PAGE + 50);
  expect(driver.readFile(PATH).subarray(3 * PAGE)).toEqual(new Uint8Array(50).fill(5));
});

describe.each(machines)('%o: others append while the repair of the last page fails after its write', (options) => {
  const appended = new Uint8Array(PAGE - 100).fill(5);

  it.each([
    { what: 'up to its end', bytes: appended },
    { what: 'a part of it', bytes: appended.subarray(0, 50) },
    { what: 'and beyond', bytes: new Uint8Array(PAGE).fill(5) },
  ])('the page goes bad again, with what was appended ($what): the file stays as long', async ({ bytes }) => {
    const [driver, file] = await badTail(options, () => {
      driver.append(PATH, bytes);
      driver.poison(PATH, WHOLE_TAIL);
    });
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(TAIL, { fill: 7 }));
    await failure('ERR_PMEM_MEDIA', () => read(file, TAIL.offset, 1));
    await file.close();
    const again = await openIn(driver, 'later');
    expect(again.size).toBe(SIZE + bytes.length);
    await failure('ERR_PMEM_MEDIA', () => read(again, TAIL.offset, 1));
    await failure('ERR_PMEM_MEDIA', () => read(again, SIZE, 1));
    const { units } = await again.repair({ offset: SIZE, length: 1 }, { fill: 9 });
    expect(units[0]).toMatchObject({ filled: [{ offset: TAIL.offset }] });
    expect(driver.readFile(PATH).length).toBe(SIZE + bytes.length);
    expect(read(again, TAIL.offset, 1)).toEqual(Uint8Array.of(9));
  });

  it.each([50, PAGE - 100])('the page cannot be flushed, and %i zeros were appended: they stay', async (added) => {
    const [driver, file] = await unflushed(options, added);
    await file.close();
    const again = await openIn(driver, 'later');
    expect(again.size).toBe(SIZE + added);
    expect(read(again, TAIL.offset, 100)).toEqual(new Uint8Array(100).fill(7));
    expect(read(again, SIZE, added)).toEqual(new Uint8Array(added));
  });

  it('and power fails: the repair is finished', async () => {
    const [driver] = await unflushed(options, 50);
    driver.crash(loseAll);
    expect(read(await openIn(driver, 'later'), TAIL.offset, 100)).toEqual(new Uint8Array(100).fill(7));
  });

  it('nothing was appended: the next open() cuts off what the write has added, if that could not be done', async () => {
    const [driver, file] = await badTail(options, () => undefined);
    const stop = driver.observe(({ name }) => {
      return name === 'sync' || name === 'truncate' ? { errno: Errno.EIO } : undefined;
    });
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(TAIL, { fill: 7 }));
    stop();
    await file.close();
    const again = await openIn(driver, 'later');
    expect(again.size).toBe(SIZE);
    expect(read(again, TAIL.offset, 100)).toEqual(new Uint8Array(100).fill(7));
  });

  it('open() finishes the repair, others append, and the page goes bad again: the file stays as long', async () => {
    const [driver, file] = await badTail(options, () => undefined);
    const stop = driver.observe(({ name }) => (name === 'sync' ? { errno: Errno.EIO } : undefined));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(TAIL, { fill: 7 }));
    await file.close();
    stop();
    driver.poison(PATH, WHOLE_TAIL);
    let isDone = false;
    driver.observe(({ name }) => {
      if (name !== 'remap' || isDone) return;
      isDone = true;
      driver.append(PATH, appended);
      driver.poison(PATH, WHOLE_TAIL);
    });
    await (await PmemFile.open(PATH, { driver })).close();
    expect(isDone).toBe(true);
    const again = await openIn(driver, 'later');
    expect(again.size).toBe(3 * PAGE);
    await failure('ERR_PMEM_MEDIA', () => read(again, SIZE, 1));
  });
});
