/**
 * FALLOC_FL_ZERO_RANGE of a DAX file, call by call: sizes, contents, blocks, mappings, and what poison, sharing and a
 * full filesystem make of it. The first suite is true of every kernel; the second of the one in zeroinit-kernel/.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { after } from 'node:test';
import { Errno, type ByteRange } from '@safe-pmem/core';
import { content, part } from '../repair/content.js';
import { abilities, context, scene, suite, test } from '../repair/dax-scene.js';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { exhaust } from './guest-machine.js';
import { XfsIo } from './xfs-io.js';
import { mode, ZeroRangeCalls } from './zero-range-calls.js';

const calls = new ZeroRangeCalls();
const xfsIo = new XfsIo();
after(() => {
  calls.close();
  xfsIo.close();
});

const reflink = context.filesystem === 'xfs';
const clearable = context.device === 'clearable';
const whole = content(page(16));
const bad = { offset: page(5), length: pageBytes };
const firstSeed = 1;

const zero = (name: string, { offset, length }: ByteRange, flags: number = mode.keepSize): Promise<number> =>
  calls.fallocate(scene.path(name), mode.zeroRange | flags, offset, length);

/** The file page by page, by pread(2): `lost` for EIO, `zeros`, `kept` if content() put it there, or `other`. */
function pages(name: string): string[] {
  const file = scene.path(name);
  const descriptor = openSync(file, 'r');
  const page = Buffer.alloc(pageBytes);
  const zeros = Buffer.alloc(pageBytes);
  const kept = content(statSync(file).size);
  try {
    return Array.from({ length: kept.length / pageBytes }, (_, index) => {
      try {
        readSync(descriptor, page, 0, pageBytes, index * pageBytes);
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EIO') throw cause;
        return 'lost';
      }
      if (page.equals(zeros)) return 'zeros';
      return page.equals(kept.subarray(index * pageBytes, (index + 1) * pageBytes)) ? 'kept' : 'other';
    });
  } finally {
    closeSync(descriptor);
  }
}

/** What pages() says of a file of 16 pages that is as content() made it but for these. */
function expected(differing: Readonly<Record<number, string>>, count = 16): string[] {
  return Array.from({ length: count }, (_, index) => differing[index] ?? 'kept');
}

/**
 * Makes a file of 8 MiB and more; its length. Most of it is in extents that suit huge pages: at the same place within
 * 2 MiB on the device and in the file. The allocator cannot be asked for that, but where it put a file it is likely to
 * put the next.
 */
async function fileWithHugePages(name: string): Promise<number> {
  const huge = page(512);
  for (let shift = 0, attempts = 0; attempts < 4; attempts++) {
    writeFileSync(scene.path(name), '');
    assert.equal(await calls.fallocate(scene.path(name), mode.allocate, shift, page(2048)), 0);
    const [first] = await scene.physical(name, { offset: shift, length: page(2048) });
    if (first === undefined) throw new Error('the file has no blocks');
    if (first.length === page(2048) && (first.offset - shift) % huge === 0) return shift + page(2048);
    shift = first.offset % huge;
    scene.remove(name);
    await scene.startOver();
  }
  throw new Error('the allocator gives no extent that suits huge pages');
}

/** What has to be the same before and after a call that is refused. */
async function everything(name: string): Promise<unknown> {
  const { size, blocks } = statSync(scene.path(name));
  return { size, blocks, pages: pages(name), where: await scene.physical(name, { offset: 0, length: page(64) }) };
}

suite(`zero-range on ${context.filesystem}, ${context.device}`, () => {
  for (const seed of Array.from({ length: 8 }, (_, index) => firstSeed + index)) {
    test(`random calls leave the bytes, the size and the clone that a model has (seed ${seed})`, async () => {
      const inPlace = abilities.zeroRangeClears;
      const { failure, log } = await calls.sequence({ path: scene.path('file'), seed, steps: 150, reflink, inPlace });
      assert.equal(failure, undefined, log?.join('\n'));
    });
  }

  test('grows the file to the end of the range, unless KEEP_SIZE is given; the range gets blocks', async () => {
    await scene.written('file', whole);
    const { mtimeNs, ctimeNs } = statSync(scene.path('file'), { bigint: true });
    assert.equal(await zero('file', { offset: page(15), length: page(4) }), 0);
    assert.deepEqual(pages('file'), expected({ 15: 'zeros' }));
    const later = statSync(scene.path('file'), { bigint: true });
    assert.ok(later.mtimeNs > mtimeNs && later.ctimeNs > ctimeNs, 'both times have moved');
    assert.equal(statSync(scene.path('file')).blocks, 19 * 8);
    assert.equal(await zero('file', { offset: page(18), length: 100 }, 0), 0);
    assert.equal(statSync(scene.path('file')).size, page(18) + 100);
    assert.ok(readFileSync(scene.path('file')).subarray(page(15)).every((byte) => byte === 0));
  });

  test('refuses what it always refused, and changes nothing', async () => {
    await scene.written('file', whole);
    const before = await everything('file');
    assert.equal(await zero('file', { offset: 0, length: 0 }), Errno.EINVAL);
    assert.equal(await zero('file', { offset: -1, length: pageBytes }), Errno.EINVAL);
    assert.equal(await calls.fallocate(scene.path('file'), mode.zeroRange, 0, pageBytes, true), Errno.EBADF);
    assert.deepEqual(await everything('file'), before);
  });

  test('does not free what the file had, also where a hole finds no space', async () => {
    await scene.written('file', whole);
    writeFileSync(scene.path('sparse'), part(whole, { offset: 0, length: pageBytes }));
    await calls.fallocate(scene.path('sparse'), mode.allocate, page(8), 1);
    await exhaust(scene.path('.'), xfsIo);
    assert.equal(await zero('sparse', { offset: 0, length: page(8) }), Errno.ENOSPC);
    assert.equal(await zero('file', { offset: 0, length: pageBytes }), 0);
    assert.deepEqual(pages('file'), expected({ 0: 'zeros' }));
  });
});

if (abilities.zeroRangeClears) {
  suite(`zero-range that clears on ${context.filesystem}, ${context.device}`, () => {
    const cured = clearable ? 0 : Errno.EIO;
    const then = (cleared: string): string => (clearable ? cleared : 'lost');

    test('a bad page is cleared where it is, or refused, and its neighbours are intact', async () => {
      await scene.written('file', whole);
      const where = await scene.physical('file', bad);
      const poisoned = await scene.poison('file', { offset: bad.offset + 1536, length: 512 });
      assert.equal(await zero('file', bad), cured);
      assert.deepEqual(pages('file'), expected({ 5: then('zeros') }));
      assert.deepEqual(await scene.physical('file', bad), where);
      assert.deepEqual(await scene.listed('file', poisoned), clearable ? [] : poisoned);
    });

    test('a range with good and bad pages: if one cannot be cleared, no good one is zeroed', async () => {
      await scene.written('file', whole);
      await scene.poison('file', bad);
      await scene.poison('file', { offset: page(9), length: pageBytes });
      const before = await everything('file');
      assert.equal(await zero('file', { offset: page(3), length: page(20) }, 0), cured);
      if (!clearable) assert.deepEqual(await everything('file'), before);
      else assert.deepEqual(pages('file'), [...expected({}, 3), ...Array.from({ length: 20 }, () => 'zeros')]);
    });

    test('an edge inside a bad page: EIO, and the good pages of the range keep what they hold', async () => {
      await scene.written('file', whole);
      await scene.poison('file', bad);
      const before = await everything('file');
      for (const range of [
        { offset: page(3), length: page(2) + 100 },
        { offset: bad.offset + 100, length: page(3) },
        { offset: bad.offset + 512, length: 512 },
      ]) assert.equal(await zero('file', range), Errno.EIO);
      assert.deepEqual(await everything('file'), before);
    });

    test('an unwritten block is cleared too, and stays unwritten', async () => {
      writeFileSync(scene.path('file'), '');
      await calls.fallocate(scene.path('file'), mode.allocate, 0, page(16));
      const poisoned = await scene.poison('file', bad);
      assert.equal(poisoned.length, 1);
      assert.equal(await zero('file', bad), cured);
      assert.deepEqual(await scene.listed('file', poisoned), clearable ? [] : poisoned);
      const descriptor = openSync(scene.path('file'), 'r+');
      const write = (): void => { writeSync(descriptor, part(whole, bad), 0, pageBytes, bad.offset); };
      if (clearable) write();
      else assert.throws(write);
      closeSync(descriptor);
    });

    test('a full filesystem: what has blocks is zeroed; for a hole it is ENOSPC, and nothing changes', async () => {
      await scene.written('file', whole);
      await calls.fallocate(scene.path('file'), mode.keepSize, page(17), pageBytes);
      await scene.poison('file', bad);
      await exhaust(scene.path('.'), xfsIo);
      const before = await everything('file');
      if (clearable) {
        assert.equal(await zero('file', { offset: page(8), length: page(9) }), Errno.ENOSPC);
        assert.deepEqual(await everything('file'), before);
      }
      assert.equal(await zero('file', { offset: page(4), length: page(12) }), cured);
      if (!clearable) assert.deepEqual(await everything('file'), before);
      else assert.deepEqual(pages('file'), [...expected({}, 4), ...Array.from({ length: 12 }, () => 'zeros')]);
    });

    test('a huge mapping stays huge, and shows what the call did', async () => {
      const length = await fileWithHugePages('file');
      const written = content(length);
      writeFileSync(scene.path('file'), written, { flag: 'r+' });
      const count = length / pageBytes;
      // Two for each page of the first 2 MiB and of the rest at the end, and a few for each huge one.
      const most = 2 * (512 + (count % 512)) + 100;
      const before = await calls.hold(scene.path('file'));
      assert.ok(before < most, `${before} faults for ${count} pages: nothing was mapped by huge pages`);
      const victim = count - 700;
      await scene.poison('file', { offset: page(victim), length: pageBytes });
      assert.equal(await zero('file', { offset: page(victim), length: pageBytes }), cured);
      assert.equal(await zero('file', { offset: page(victim + 1), length: pageBytes }), 0);
      assert.deepEqual(pages('file'), expected({ [victim]: then('zeros'), [victim + 1]: 'zeros' }, count));
      // To look at a bad page would be the end of the program that maps it.
      assert.equal(await calls.release(clearable), clearable);
      if (!clearable) return;
      const after = await calls.hold(scene.path('file'));
      assert.ok(after < most, `${after} faults: the pages around the zeroed ones are no longer mapped by a huge one`);
      assert.ok(await calls.release(true));
    });

    if (reflink) {
      test('a shared bad block: this file gets a zeroed one of its own, the other keeps block and poison', async () => {
        await scene.written('file', whole);
        assert.equal(await xfsIo.run(scene.path('clone'), `reflink ${scene.path('file')}`, ['-f']), 0);
        const where = await scene.physical('clone', bad);
        const poisoned = await scene.poison('clone', bad);
        assert.equal(await zero('file', { offset: page(4), length: page(3) }), 0);
        assert.deepEqual(pages('file'), expected({ 4: 'zeros', 5: 'zeros', 6: 'zeros' }));
        assert.deepEqual(pages('clone'), expected({ 5: 'lost' }));
        assert.deepEqual(await scene.physical('clone', bad), where);
        assert.deepEqual(await scene.listed('clone', poisoned), poisoned);
        assert.notDeepEqual(await scene.physical('file', bad), where);
      });

      test('a bad block beside a copied one, which XFS keeps room for a copy of: cleared where it is', async () => {
        const larger = content(page(32));
        await scene.written('file', whole);
        assert.equal(await xfsIo.run(scene.path('clone'), `reflink ${scene.path('file')}`, ['-f']), 0);
        const descriptor = openSync(scene.path('file'), 'r+');
        writeSync(descriptor, part(larger, { offset: page(16), length: page(16) }), 0, page(16), page(16));
        writeSync(descriptor, part(larger, bad), 0, pageBytes, bad.offset);
        const own = { offset: page(20), length: pageBytes };
        const where = await scene.physical('file', own);
        const poisoned = await scene.poison('file', own);
        assert.throws(() => { writeSync(descriptor, part(larger, own), 0, pageBytes, own.offset); }, { code: 'EIO' });
        closeSync(descriptor);
        assert.equal(await zero('file', own), cured);
        assert.deepEqual(pages('file'), expected({ 20: then('zeros') }, 32));
        assert.deepEqual(await scene.physical('file', own), where);
        assert.deepEqual(await scene.listed('file', poisoned), clearable ? [] : poisoned);
        assert.deepEqual(pages('clone'), expected({}));
      });

      test('the edges of a range in shared blocks: copied, and zeroed in the copy alone', async () => {
        await scene.written('file', whole);
        assert.equal(await xfsIo.run(scene.path('clone'), `reflink ${scene.path('file')}`, ['-f']), 0);
        const range = { offset: page(4) + 100, length: page(2) };
        assert.equal(await zero('file', range), 0);
        const wanted = Buffer.from(whole).fill(0, range.offset, range.offset + range.length);
        assert.deepEqual(readFileSync(scene.path('file')), wanted);
        assert.deepEqual(pages('clone'), expected({}));
      });

      test('a shared block on a full filesystem: ENOSPC, and both files are as they were', async () => {
        await scene.written('file', whole);
        assert.equal(await xfsIo.run(scene.path('clone'), `reflink ${scene.path('file')}`, ['-f']), 0);
        await exhaust(scene.path('.'), xfsIo);
        assert.equal(await zero('file', { offset: 0, length: page(16) }), Errno.ENOSPC);
        assert.deepEqual([pages('file'), pages('clone')], [expected({}), expected({})]);
      });
    }
  });
}
