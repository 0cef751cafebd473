import type { SalvagePart, SalvageProgress } from '@safe-pmem/core';
import { mirrorOf, PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, PATH, read } from './opened.js';

const MIB = 1024 * 1024;
const COPY = '/pmem/copy';

async function damaged(sizeBytes: number, ...pages: number[]): Promise<{ driver: ReturnType<typeof mockDriver>; file: PmemFile }> {
  const driver = mockDriver();
  const file = await filled(driver, sizeBytes);
  for (const page of pages) driver.poison(PATH, { offset: page * PAGE, length: 1 });
  return { driver, file };
}

/** toEqual() of a megabyte takes a minute. */
function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}

describe('a salvage part by part', () => {
  it('yields each byte once, in ascending order, as salvage() has it', async () => {
    const { file } = await damaged(3 * MIB + 100, 0, 5, 6, 255, 256, 511);
    const parts: SalvagePart[] = [];
    for await (const part of file.salvageParts()) parts.push(part);
    let next = 0;
    for (const part of parts) {
      expect(part.offset).toBe(next);
      next += 'bytes' in part ? part.bytes.length : part.length;
    }
    expect(next).toBe(3 * MIB + 100);
    const whole = await file.salvage();
    const pieces = parts.flatMap((part) => ('bytes' in part ? part : []));
    expect(pieces.map(({ offset }) => offset)).toEqual(whole.pieces.map(({ offset }) => offset));
    expect(pieces.every(({ bytes }, i) => isSame(bytes, whole.pieces[i]?.bytes))).toBe(true);
    expect(parts.filter((part) => !('bytes' in part))).toEqual(whole.gaps);
    // Across the edge of a megabyte, too, neighbours are one gap.
    expect(whole.gaps.map(({ offset, length }) => [offset / PAGE, length / PAGE])).toEqual([[0, 1], [5, 2], [255, 2], [511, 1]]);
  });

  it('tells gaps apart by their reasons, the last one too', async () => {
    const { driver, file } = await damaged(4 * PAGE, 1);
    await file.repair({ offset: PAGE, length: PAGE });
    driver.poison(PATH, { offset: 2 * PAGE, length: 2 * PAGE });
    const { gaps } = await file.salvage();
    expect(gaps).toEqual([
      { offset: PAGE, length: PAGE, reason: 'lost' },
      { offset: 2 * PAGE, length: 2 * PAGE, reason: 'media' },
    ]);
  });

  it('reads no megabyte ahead of the one that is asked for', async () => {
    const { driver, file } = await damaged(8 * MIB);
    let readBytes = 0;
    driver.observe(({ name, length }) => {
      if (name === 'read') readBytes += length;
      return undefined;
    });
    for await (const part of file.salvageParts()) {
      expect('bytes' in part && part.bytes.length).toBe(MIB);
      break;
    }
    expect(readBytes).toBe(MIB);
  });

  it('reports progress, and ends between megabytes with the reason of its signal', async () => {
    const { file } = await damaged(4 * MIB, 300);
    const seen: SalvageProgress[] = [];
    const stop = new AbortController();
    const onProgress = (progress: SalvageProgress): void => {
      seen.push(progress);
      if (seen.length === 2) stop.abort(new Error('enough'));
    };
    await expect(file.salvage(undefined, { signal: stop.signal, onProgress })).rejects.toThrow('enough');
    expect(seen).toEqual([
      { doneBytes: MIB, totalBytes: 4 * MIB, missingBytes: 0 },
      { doneBytes: 2 * MIB, totalBytes: 4 * MIB, missingBytes: PAGE },
    ]);
    await expect(file.salvage(undefined, { onProgress: 3 as never })).rejects.toThrow(TypeError);
  });

  it('ends with ERR_PMEM_CLOSED when the file is closed meanwhile', async () => {
    const { file } = await damaged(3 * MIB);
    const parts = file.salvageParts();
    await parts.next();
    await file.close();
    await failure('ERR_PMEM_CLOSED', () => parts.next());
  });
});

describe('a salvage into another file', () => {
  it('ends with an error where the filesystem takes nothing, and does not ask for ever', async () => {
    const { driver, file } = await damaged(4 * PAGE);
    let writes = 0;
    const stop = driver.observe(({ name, path }) => {
      if (name !== 'pwrite' || path !== COPY) return undefined;
      if (++writes > 100) throw new Error('asked for ever');
      return { shortBytes: 0 };
    });
    const { cause } = await failure('ERR_PMEM_IO', () => file.salvageTo(COPY));
    expect(cause).toMatchObject({ syscall: 'pwrite', code: 'EIO' });
    stop();
  });

  it('copies what can be read; what cannot is lost there, also after a restart', async () => {
    const { driver, file } = await damaged(2 * MIB + 7, 3, 256);
    const { gaps, path } = await file.salvageTo(COPY);
    expect(path).toBe(COPY);
    expect(gaps).toEqual([
      { offset: 3 * PAGE, length: PAGE, reason: 'media' },
      { offset: 256 * PAGE, length: PAGE, reason: 'media' },
    ]);
    driver.crash('lose-all');
    const copy = await PmemFile.open(COPY, { driver });
    expect(copy.size).toBe(2 * MIB + 7);
    const expected = content(2 * MIB + 7);
    expect(read(copy, 0, 3 * PAGE)).toEqual(expected.slice(0, 3 * PAGE));
    expect(isSame(read(copy, 257 * PAGE, copy.size - 257 * PAGE), expected.slice(257 * PAGE))).toBe(true);
    const error = await failure('ERR_PMEM_LOST', () => read(copy, 0, copy.size));
    expect(error.ranges).toEqual(gaps.map(({ offset, length }) => ({ offset, length })));
  });

  it('leaves no journal beside a copy that is whole', async () => {
    const { driver, file } = await damaged(2 * PAGE);
    expect((await file.salvageTo(COPY)).gaps).toEqual([]);
    expect(driver.listFiles()).toEqual([COPY, PATH]);
    expect(driver.readFile(COPY)).toEqual(content(2 * PAGE));
  });

  it('takes a range, which begins at byte 0 of the copy', async () => {
    const { driver, file } = await damaged(8 * PAGE, 5);
    const { range, gaps } = await file.salvageTo(COPY, { range: { offset: 4 * PAGE, length: 3 * PAGE } });
    expect([range, gaps]).toEqual([{ offset: 4 * PAGE, length: 3 * PAGE }, [{ offset: 5 * PAGE, length: PAGE, reason: 'media' }]]);
    const copy = await PmemFile.open(COPY, { driver });
    expect(read(copy, 2 * PAGE, PAGE)).toEqual(content(8 * PAGE).slice(6 * PAGE, 7 * PAGE));
    await failure('ERR_PMEM_LOST', () => read(copy, PAGE, 1));
  });

  it('writes over no file, not even over itself', async () => {
    const { driver, file } = await damaged(2 * PAGE);
    driver.writeFile(COPY, new Uint8Array(5).fill(5));
    await failure('ERR_PMEM_EXISTS', () => file.salvageTo(COPY));
    await failure('ERR_PMEM_EXISTS', () => file.salvageTo(PATH));
    expect(driver.readFile(COPY)).toEqual(new Uint8Array(5).fill(5));
  });

  it.each(['the signal', 'a full filesystem', 'a power failure'])('cut off by %s leaves a copy of which nothing can be read', async (how) => {
    const { driver, file } = await damaged(3 * MIB);
    const stop = new AbortController();
    if (how === 'a full filesystem') driver.exhaust(2 * MIB);
    if (how === 'a power failure') driver.observe(({ name, path, position }) => (name === 'pwrite' && path === COPY && position > 0 ? { crash: true } : undefined));
    const onProgress = (): void => { if (how === 'the signal') stop.abort(); };
    await expect(file.salvageTo(COPY, { signal: stop.signal, onProgress })).rejects.toThrow();
    const copy = await PmemFile.open(COPY, { driver });
    const { ranges } = await failure('ERR_PMEM_LOST', () => read(copy, 0, copy.size));
    expect(ranges).toEqual([{ offset: 0, length: 3 * MIB }]);
  });

  it('makes an empty copy of an empty file', async () => {
    const driver = mockDriver();
    const file = await PmemFile.open(PATH, { driver, create: true });
    expect((await file.salvageTo(COPY)).gaps).toEqual([]);
    expect(driver.readFile(COPY).length).toBe(0);
  });
});

describe('a repair from a mirror', () => {
  async function mirrored(mirrorBytes: number): Promise<{ driver: ReturnType<typeof mockDriver>; file: PmemFile; mirror: PmemFile }> {
    const { driver, file } = await damaged(4 * PAGE);
    driver.writeFile('/pmem/mirror', content(4 * PAGE).slice(0, mirrorBytes));
    const mirror = await PmemFile.open('/pmem/mirror', { driver });
    driver.poison(PATH, { offset: PAGE, length: 2 * PAGE });
    return { driver, file, mirror };
  }

  it('brings every lost byte back', async () => {
    const { file, mirror } = await mirrored(4 * PAGE);
    await file.repair({ offset: 0, length: 4 * PAGE }, { rebuild: mirrorOf(mirror) });
    expect(read(file, 0, 4 * PAGE)).toEqual(content(4 * PAGE));
  });

  it('reads the mirror at its offset', async () => {
    const { driver, file } = await mirrored(4 * PAGE);
    const shifted = new Uint8Array(4 * PAGE + 10);
    shifted.set(content(4 * PAGE), 10);
    driver.writeFile('/pmem/shifted', shifted);
    const mirror = await PmemFile.open('/pmem/shifted', { driver });
    await file.repair({ offset: 0, length: 4 * PAGE }, { rebuild: mirrorOf(mirror, { offset: 10 }) });
    expect(read(file, 0, 4 * PAGE)).toEqual(content(4 * PAGE));
    expect(() => mirrorOf(mirror, { offset: -1 })).toThrow(RangeError);
    expect(() => mirrorOf({} as never)).toThrow(TypeError);
  });

  it('leaves bytes lost that the mirror has lost', async () => {
    const { driver, file, mirror } = await mirrored(4 * PAGE);
    driver.poison('/pmem/mirror', { offset: PAGE, length: PAGE });
    await mirror.repair({ offset: PAGE, length: PAGE });
    await file.repair({ offset: 0, length: 4 * PAGE }, { rebuild: mirrorOf(mirror) });
    expect(read(file, 0, PAGE)).toEqual(content(PAGE));
    await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
  });

  it.each(['a media error of its own', 'an end before them'])('leaves bytes lost for which the mirror has %s', async (why) => {
    const { driver, file, mirror } = await mirrored(why === 'an end before them' ? 2 * PAGE : 4 * PAGE);
    if (why === 'a media error of its own') driver.poison('/pmem/mirror', { offset: PAGE, length: 2 * PAGE });
    await file.repair({ offset: 0, length: 4 * PAGE }, { rebuild: mirrorOf(mirror) });
    expect(read(file, 0, PAGE)).toEqual(content(PAGE));
    await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
  });

  it('fails, and touches nothing, when the mirror is closed', async () => {
    const { file, mirror } = await mirrored(4 * PAGE);
    await mirror.close();
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: 0, length: 4 * PAGE }, { rebuild: mirrorOf(mirror) }), RepairError);
  });
});
