/** Units on their way to the file: the calls that write them, and the flush. */
import { expect, it } from 'vitest';
import type { ByteRange, CompleteFile, Rewrite, SystemFailure } from '../src/index.js';
import { Errno } from '../src/index.js';
import { UnsafeRanges } from '../src/faults/unsafe-ranges.js';
import { prepareUnits } from '../src/repair/prepare-units.js';
import { ReadRoom } from '../src/repair/read-room.js';
import type { RepairUnit } from '../src/repair/repair-unit.js';
import { writeUnits } from '../src/repair/write-units.js';
import { scriptedFile } from './scripted-file.js';

const PAGE = 4096;
const SIZE = 1 << 20;
const request = { strategy: 'recovery-write', allowRelocation: false } as const;
const bad = new Error('the test expects no load before the write');

/** A file whose pages are all bad until they are written. */
class Pages {
  readonly bytes = Buffer.alloc(SIZE, 1);
  readonly rewrites: { readonly pieces: readonly Rewrite[]; readonly lengthBytes: number }[] = [];
  readonly loads: number[] = [];

  file(answers: Partial<CompleteFile> = {}): CompleteFile {
    return scriptedFile({
      readEach: (pieces) => Promise.resolve(pieces.map(() => ({ errno: Errno.EHWPOISON, transferredBytes: 0 }))),
      rewrite: (pieces, bytes) => {
        this.rewrites.push({ pieces, lengthBytes: bytes.length });
        return Promise.resolve(pieces.map(({ position, sourceOffset, length }) => {
          this.bytes.set(bytes.subarray(sourceOffset, sourceOffset + length), position);
          return { syscall: 'pwrite' as const, errno: 0, transferredBytes: length };
        }));
      },
      remap: () => undefined,
      read: (target, position) => {
        if (this.rewrites.length === 0) throw bad;
        this.loads.push(position);
        target.set(this.bytes.subarray(position, position + target.length));
        return undefined;
      },
      deviceIdentity: undefined,
      fileSizeSync: () => ({ sizeBytes: SIZE }),
      sync: () => Promise.resolve(undefined),
      ...answers,
    });
  }
}

async function prepared(file: CompleteFile, suspects: readonly ByteRange[]): Promise<RepairUnit[]> {
  const scene = { file, unsafe: new UnsafeRanges(), fileSizeBytes: SIZE, blocks: [], room: new ReadRoom() };
  return prepareUnits(scene, suspects, { rebuild: undefined, fill: 7, journalRebuilt: false });
}

async function written(file: CompleteFile, suspects: readonly ByteRange[]): Promise<RepairUnit[]> {
  const units = await prepared(file, suspects);
  await writeUnits(file, new UnsafeRanges(), units, request, SIZE);
  return units;
}

it('writes many adjoining pages of which nothing is left from the few that they share', async () => {
  const pages = new Pages();
  const units = await written(pages.file(), [{ offset: PAGE, length: 150 * PAGE }]);
  expect(units.every(({ state }) => state === 'repaired')).toBe(true);
  const [call] = pages.rewrites;
  const places = call?.pieces.map(({ position, length }) => [position / PAGE, length / PAGE]);
  expect(places).toEqual([[1, 64], [65, 64], [129, 22]]);
  expect(call?.lengthBytes).toBe(64 * PAGE);
  expect(pages.bytes.subarray(PAGE, 151 * PAGE).every((byte) => byte === 7)).toBe(true);
  expect([pages.bytes[PAGE - 1], pages.bytes[151 * PAGE]]).toEqual([1, 1]);
});

it('reads the pages back while they are flushed', async () => {
  const pages = new Pages();
  const suspects = [2, 5, 9].map((page) => ({ offset: page * PAGE, length: PAGE }));
  // The flush ends when all pages were read: one that was awaited first would never end.
  const sync = async (): Promise<undefined> => {
    while (pages.loads.length < suspects.length) await new Promise(setImmediate);
    return undefined;
  };
  const units = await written(pages.file({ sync }), suspects);
  expect(units.map(({ state }) => state)).toEqual(['repaired', 'repaired', 'repaired']);
});

it('calls no page repaired whose flush fails, however well it reads', async () => {
  const pages = new Pages();
  const sync = (): Promise<SystemFailure> => Promise.resolve({ syscall: 'fdatasync', errno: Errno.EIO });
  const [unit] = await written(pages.file({ sync }), [{ offset: PAGE, length: PAGE }]);
  expect(unit).toMatchObject({ state: 'half-done', attempts: [{ step: 'fdatasync', errno: Errno.EIO }] });
});
