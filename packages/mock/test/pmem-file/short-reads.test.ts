// A bad line in the middle of a page, which no access has met: a pread of the page stops before it and says nothing.
// The page is not taken for one that can be read.
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver, type MockOptions } from '../../src/index.js';
import { content, failure, filled, openIn, PAGE, PATH, read } from './opened.js';

const machines: MockOptions[] = (['ext4', 'xfs'] as const).flatMap((filesystem) =>
  (['5.10', '6.12', '7.3'] as const).map((kernel) => ({ filesystem, kernel })));
const SIZE = PAGE + 512;
const TAIL = { offset: PAGE, length: 512 };
/** Past the end of a file of SIZE bytes, in its last page. */
const LINE = { offset: PAGE + 1536, length: 64 };

function poisonUnmet(driver: MockDriver): void {
  driver.poison(PATH, LINE, { latent: true });
}

describe.each(machines)('%o', (machine) => {
  it.each([PAGE + 512, PAGE + 1536, PAGE + 4000])('an end is not moved into it (%i bytes)', async (sizeBytes) => {
    const driver = mockDriver(machine);
    const file = await filled(driver, 3 * PAGE);
    poisonUnmet(driver);
    const error = await failure('ERR_PMEM_MEDIA', () => file.resize(sizeBytes));
    expect(error.ranges).toEqual([{ offset: PAGE, length: PAGE }]);
    expect([file.size, driver.readFile(PATH).length]).toEqual([3 * PAGE, 3 * PAGE]);
    expect(read(file, 2 * PAGE, PAGE)).toEqual(content(3 * PAGE).slice(2 * PAGE));
  });
});

it('goes bad in a page that is about to be repaired: it is lost, and the file is not called truncated', async () => {
  const driver = mockDriver();
  const file = await filled(driver, 3 * PAGE);
  const stop = driver.observe(({ name }) => (name === 'read' ? { signalCode: 4 } : undefined));
  await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 8));
  stop();
  let isDone = false;
  driver.observe(({ name }) => {
    if (name !== 'pread' || isDone) return;
    isDone = true;
    poisonUnmet(driver);
  });
  const { units } = await file.repair({ offset: PAGE, length: PAGE }, { fill: 7 });
  expect(units).toMatchObject([{ outcome: 'cleared', filled: [{ offset: PAGE, length: PAGE }] }]);
  expect(read(file, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
});

/** A file whose last page was lost, and has a bad line behind the end of the file now. */
async function lostTail(machine: MockOptions): Promise<MockDriver> {
  const driver = mockDriver(machine);
  driver.writeFile(PATH, content(SIZE));
  const file = await openIn(driver, 'first');
  driver.poison(PATH, { offset: PAGE, length: PAGE });
  await file.repair(TAIL);
  await file.close();
  poisonUnmet(driver);
  return driver;
}

const curable = machines.filter(({ filesystem, kernel }) => filesystem !== 'xfs' || kernel !== '5.10');

describe.each(curable)('%o: behind the end of the file', (machine) => {
  it('the last page is repaired', async () => {
    const driver = await lostTail(machine);
    const file = await openIn(driver, 'here');
    await file.repair(TAIL, { fill: 7 });
    expect(read(file, PAGE, 512)).toEqual(new Uint8Array(512).fill(7));
    expect([file.size, driver.readFile(PATH).length]).toEqual([SIZE, SIZE]);
    await file.close();
    expect(read(await openIn(driver, 'later'), PAGE, 512)).toEqual(new Uint8Array(512).fill(7));
  });

  it('a repair that dies before it cuts off what it has added: the next open() does', async () => {
    const driver = await lostTail(machine);
    const file = await openIn(driver, 'dies');
    const stop = driver.observe(({ name, process }) => {
      if (process === 'dies' && name === 'pread' && driver.readFile(PATH).length > SIZE) driver.process('dies').kill();
      return undefined;
    });
    await file.repair(TAIL, { fill: 7 }).catch(() => undefined);
    stop();
    const later = await openIn(driver, 'later');
    expect([later.size, driver.readFile(PATH).length]).toEqual([SIZE, SIZE]);
    expect(read(later, PAGE, 512)).toEqual(new Uint8Array(512).fill(7));
  });

  it('what others store there before the next open() is no growth, though a line behind it is bad', async () => {
    const driver = await lostTail(machine);
    const file = await openIn(driver, 'dies');
    const stop = driver.observe(({ name, process }) => {
      if (process === 'dies' && name === 'truncate') driver.process('dies').kill();
      return undefined;
    });
    await file.repair(TAIL, { fill: 7 }).catch(() => undefined);
    stop();
    // Linux before 5.19 is given no whole-page write.
    const sizeBytes = machine.kernel === '5.10' ? SIZE + 64 : 2 * PAGE;
    driver.overwrite(PATH, new Uint8Array(64).fill(5), SIZE);
    poisonUnmet(driver);
    const later = await openIn(driver, 'later');
    expect(later.size).toBe(sizeBytes);
    const { pieces } = await later.salvage({ offset: SIZE, length: 64 });
    for (const { bytes } of pieces) expect(bytes).toEqual(new Uint8Array(bytes.length).fill(5));
  });

  it.each([
    { what: 'before it', lines: [PAGE + 128] },
    { what: 'in it', lines: [PAGE + 128, PAGE + 1536] },
  ])('what others append stays with the file, if a line $what goes bad after the write', async ({ lines }) => {
    const driver = await lostTail(machine);
    const file = await openIn(driver, 'here');
    const appended = new Uint8Array(PAGE - 512).fill(5);
    let isDone = false;
    driver.observe(({ name }) => {
      if (name !== 'remap' || isDone) return;
      isDone = true;
      driver.append(PATH, appended);
      for (const offset of lines) driver.poison(PATH, { offset, length: 64 }, { latent: true });
    });
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(TAIL, { fill: 7 }));
    await file.close();
    const later = await openIn(driver, 'later');
    expect(later.size).toBe(2 * PAGE);
    const { pieces } = await later.salvage({ offset: SIZE, length: appended.length });
    for (const { bytes } of pieces) expect(bytes).toEqual(new Uint8Array(bytes.length).fill(5));
  });
});
