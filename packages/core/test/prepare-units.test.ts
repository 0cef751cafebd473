/** What a repair makes of units that it asks by pread: which bytes are lost, and which only seemed to be. */
import { describe, expect, it } from 'vitest';
import type { ByteRange, CompleteFile, Transfer } from '../src/index.js';
import { Errno } from '../src/index.js';
import { UnsafeRanges } from '../src/faults/unsafe-ranges.js';
import { prepareUnits } from '../src/repair/prepare-units.js';
import { ReadRoom } from '../src/repair/read-room.js';
import type { ContentRequest } from '../src/repair/types.js';
import { facts, scriptedFile } from './scripted-file.js';

const PAGE = 4096;
const SIZE = 1 << 20;
const unit = { offset: PAGE, length: PAGE };
const fault = (_: Uint8Array, position: number): { position: number; signalCode: number; granuleLog2: number } => ({
  position, signalCode: 2, granuleLog2: 0,
});
const filled = ({ length }: ByteRange): Uint8Array => new Uint8Array(length).fill(1);
const filling: ContentRequest = { rebuild: undefined, fill: 9, journalRebuilt: false };
const losing: ContentRequest = { rebuild: undefined, fill: undefined, journalRebuilt: false };
const rebuilding: ContentRequest = { rebuild: filled, fill: undefined, journalRebuilt: false };

/** Answers each piece by errno, or with bytes of `byte`; every load faults. */
function fileOf(answer: (piece: ByteRange) => number, byte = 7, answers: Partial<CompleteFile> = {}): CompleteFile {
  return scriptedFile({
    read: fault,
    readEach: (pieces, bytes) => {
      let at = 0;
      const outcomes = pieces.map((piece): Transfer => {
        const part = bytes.subarray(at, (at += piece.length));
        const errno = answer(piece);
        if (errno === 0) part.fill(byte);
        return { errno, transferredBytes: errno === 0 ? piece.length : 0 };
      });
      return Promise.resolve(outcomes);
    },
    ...answers,
  });
}

function prepare(
  file: CompleteFile, suspects: readonly ByteRange[] = [unit], request = rebuilding, unsafe = new UnsafeRanges(), fileSizeBytes = SIZE,
): ReturnType<typeof prepareUnits> {
  return prepareUnits({ file, unsafe, fileSizeBytes, blocks: [], room: new ReadRoom() }, suspects, request);
}

describe('a unit that was reported bad', () => {
  it.each([Errno.EIO, Errno.EFAULT, Errno.EHWPOISON])('is lost if its pread gives errno %i and it cannot be loaded', async (errno) => {
    const [work] = await prepare(fileOf(() => errno));
    expect(work).toMatchObject({ lost: [unit], rebuilt: [unit], content: filled(unit), readErrno: errno });
  });

  it('is not lost if a server or a daemon answers for the medium, and says EIO: it may be away', async () => {
    const file = fileOf(() => Errno.EIO, 7, { facts: { ...facts, remote: true } });
    await expect(prepare(file)).rejects.toMatchObject({ code: 'ERR_PMEM_IO', ranges: [unit] });
  });

  it('needs nothing if it reads well', async () => {
    expect(await prepare(fileOf(() => 0))).toEqual([]);
  });

  it('gives its bytes by a load if it was mapped before the kernel learned of it', async () => {
    const file = fileOf(() => Errno.EIO, 7, { read: (target) => void target.fill(9) });
    const [work] = await prepare(file);
    expect(work).toMatchObject({ lost: [], content: new Uint8Array(PAGE).fill(9) });
  });

  it.each([Errno.EFAULT, Errno.EHWPOISON])('is not loaded if the kernel holds it back (errno %i)', async (errno) => {
    let loads = 0;
    await prepare(fileOf(() => errno, 7, { read: (...read) => { loads++; return fault(...read); } }));
    expect(loads).toBe(0);
  });

  it.each([[1, 3], [3, 1]])('is held back as a whole if its page %i is, and page %i is bad', async (held, listed) => {
    const errnos = new Map([[held * PAGE, Errno.EFAULT], [listed * PAGE, Errno.EIO]]);
    const file = fileOf(({ offset }) => errnos.get(offset) ?? 0, 7, { facts: { ...facts, blockBytes: 4 * PAGE } });
    const [work] = await prepare(file, [{ offset: 0, length: 4 * PAGE }]);
    const lost = [1, 3].map((page) => ({ offset: page * PAGE, length: PAGE }));
    expect(work).toMatchObject({ lost, readErrno: Errno.EFAULT });
  });

  it('gives the page that was mapped from before also if the kernel holds another page of it back', async () => {
    const errnos = [Errno.EFAULT, Errno.EIO, 0, 0];
    const large = { ...facts, blockBytes: 4 * PAGE };
    const read = (target: Uint8Array): undefined => void target.fill(9);
    const file = fileOf(({ offset }) => errnos[offset / PAGE] ?? 0, 7, { facts: large, read });
    const [work] = await prepare(file, [{ offset: 0, length: 4 * PAGE }]);
    expect(work).toMatchObject({ lost: [{ offset: 0, length: PAGE }], readErrno: Errno.EFAULT });
    expect([1, 2].map((page) => work?.content[page * PAGE])).toEqual([9, 7]);
  });

  it('loses pages that adjoin as one range', async () => {
    const file = fileOf(() => Errno.EIO, 7, { facts: { ...facts, blockBytes: 4 * PAGE } });
    const all = { offset: 0, length: 4 * PAGE };
    const [work] = await prepare(file, [all]);
    expect(work).toMatchObject({ lost: [all], rebuilt: [all], isGone: true });
  });

  it('met a passing trouble: it reads well, and loads well once it is mapped anew', async () => {
    const unsafe = new UnsafeRanges();
    unsafe.addMet([unit]);
    const file = fileOf(() => 0, 7, { read: () => undefined, remap: () => undefined });
    expect(await prepare(file, [unit], rebuilding, unsafe)).toEqual([]);
    expect(unsafe.isEmpty).toBe(true);
  });

  it('reads well and still cannot be loaded: it is written anew, with nothing lost', async () => {
    const unsafe = new UnsafeRanges();
    unsafe.addMet([unit]);
    const [work] = await prepare(fileOf(() => 0, 7, { remap: () => undefined }), [unit], rebuilding, unsafe);
    expect(work).toMatchObject({ lost: [], rebuilt: [], content: new Uint8Array(PAGE).fill(7) });
  });

  it.each([
    [Errno.ESTALE, 'ERR_PMEM_IO'], [Errno.ENOTCONN, 'ERR_PMEM_IO'], [Errno.ENOMEM, 'ERR_PMEM_IO'], [Errno.EACCES, 'ERR_PMEM_ACCESS'],
  ])('is not touched if its pread gives errno %i, which says nothing of the medium', async (errno, code) => {
    await expect(prepare(fileOf(() => errno))).rejects.toMatchObject({ code, ranges: [unit] });
  });

  it('is not touched if the file ends before it', async () => {
    const file = fileOf(() => 0, 7, { readEach: (pieces) => Promise.resolve(pieces.map(() => ({ errno: 0, transferredBytes: 0 }))) });
    await expect(prepare(file)).rejects.toMatchObject({ code: 'ERR_PMEM_TRUNCATED', ranges: [unit] });
  });
});

describe('what rebuild returns', () => {
  it('is copied: the caller may use one buffer for all', async () => {
    const buffer = new Uint8Array(PAGE);
    const rebuild = ({ offset }: ByteRange): Uint8Array => buffer.fill(1 + offset / PAGE);
    const units = [0, 2].map((page) => ({ offset: page * PAGE, length: PAGE }));
    const works = await prepare(fileOf(() => Errno.EIO), units, { rebuild, fill: undefined, journalRebuilt: false });
    expect(works.map(({ content }) => [content[0], content.at(-1)])).toEqual([[1, 1], [3, 3]]);
  });

  it('may be undefined: those bytes stay lost, others are rebuilt', async () => {
    const rebuild = (range: ByteRange): Uint8Array | undefined => (range.offset === 0 ? filled(range) : undefined);
    const units = [0, 2].map((page) => ({ offset: page * PAGE, length: PAGE }));
    const works = await prepare(fileOf(() => Errno.EIO), units, { rebuild, fill: undefined, journalRebuilt: false });
    expect(works.map(({ rebuilt, tombstoned }) => [rebuilt, tombstoned])).toEqual([[[units[0]], []], [[], [units[1]]]]);
  });
});

describe('contents', () => {
  it('of units of which nothing is left are shared, and adjoin where the units do', async () => {
    const units = [{ offset: 0, length: PAGE }, { offset: 2 * PAGE, length: 2 * PAGE + 100 }];
    const works = await prepare(fileOf(() => Errno.EIO), units, filling, new UnsafeRanges(), 4 * PAGE + 100);
    expect(works.map(({ data }) => data.length)).toEqual([PAGE, PAGE, PAGE, 100]);
    for (const { data, content } of works) expect(content).toEqual(new Uint8Array(data.length).fill(9));
    expect(new Set(works.map(({ content }) => content.buffer)).size).toBe(1);
    expect(works.map(({ content }) => content.byteOffset)).toEqual([0, 0, PAGE, 2 * PAGE]);
  });

  it('of many adjoining units of which nothing is left take no more memory than 64 of them', async () => {
    const works = await prepare(fileOf(() => Errno.EIO), [{ offset: 0, length: 150 * PAGE }], filling);
    const inTurn = Array.from({ length: 150 }, (_, i) => (i % 64) * PAGE);
    expect(works.map(({ content }) => content.byteOffset)).toEqual(inTurn);
    for (const { content } of works) expect(content).toEqual(new Uint8Array(PAGE).fill(9));
    expect(works[0]?.content.buffer.byteLength).toBe(64 * PAGE);
  });

  it('keep what a unit still holds beside what was lost before', async () => {
    const unsafe = new UnsafeRanges();
    unsafe.addLost([{ offset: PAGE, length: 100 }]);
    const [work] = await prepare(fileOf(() => 0), [unit], filling, unsafe);
    expect([work?.content[99], work?.content[100], work?.content[PAGE - 1]]).toEqual([9, 7, 7]);
    expect(work).toMatchObject({ lost: [{ offset: PAGE, length: 100 }], filled: [{ offset: PAGE, length: 100 }] });
  });

  it('have nothing of the units that were read into the same memory before', async () => {
    const room = new ReadRoom();
    const request: ContentRequest = { rebuild: () => undefined, fill: undefined, journalRebuilt: false };
    const block = { ...unit, physicalOffset: 0, shared: false, unwritten: false, mayBeHuge: false };
    const scene = { unsafe: new UnsafeRanges(), fileSizeBytes: SIZE, blocks: [block], room };
    await prepareUnits({ ...scene, file: fileOf(() => 0, 7) }, [unit], request);
    const [work] = await prepareUnits({ ...scene, file: fileOf(() => Errno.EIO) }, [unit], request);
    expect(work).toMatchObject({ tombstoned: [unit], content: new Uint8Array(PAGE) });
  });

  it('of a unit that was cut off hold what its repair wanted, and what was appended since', async () => {
    const unsafe = new UnsafeRanges();
    unsafe.addUnfinished({ offset: PAGE, length: 1000, content: new Uint8Array(1000).fill(3), fileSizeBytes: PAGE + 1000 });
    const [work] = await prepare(fileOf(() => 0), [unit], rebuilding, unsafe);
    expect([work?.content[999], work?.content[1000], work?.lost]).toEqual([3, 7, []]);
    const [lost] = await prepare(fileOf(() => Errno.EIO), [unit], losing, unsafe);
    expect([lost?.content[999], lost?.lost]).toEqual([3, [{ offset: PAGE + 1000, length: PAGE - 1000 }]]);
  });
});
