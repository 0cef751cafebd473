// What was met is asked again: a page that can be read is healthy, whichever process made it so, but for one whose
// bytes are on their way.
import { MediaError, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, PATH, part, read } from './opened.js';

const bad = { offset: 2 * PAGE, length: PAGE };

describe('a page that met an error once', () => {
  it.each(['read', 'scrub', 'badBlocks', 'salvage', 'view'] as const)('and reads well later is healthy: %s notices it', async (who) => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    const stops = [
      driver.observe(failNth({ operation: 'read', nth: 1, errno: 0 })),
      driver.observe(failNth({ operation: 'probe', nth: 1, errno: 5, persistent: true })),
    ];
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 10), MediaError);
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 10), MediaError);
    for (const stop of stops) stop();
    const ask = {
      read: () => read(file, bad.offset, 10),
      scrub: () => file.scrub(),
      badBlocks: () => file.badBlocks(),
      salvage: () => file.salvage(),
      view: () => file.withView(bad, (view) => view[0]),
    };
    await ask[who]();
    const done: string[] = [];
    driver.observe(({ name }) => { done.push(name); return undefined; });
    expect(read(file, 0, 4 * PAGE)).toEqual(content(4 * PAGE));
    expect(done).toEqual(['read']);
    expect((await file.scrub()).mediaErrors).toEqual([]);
  });

  it('in a scrub, and reads well when it is asked again, is not reported', async () => {
    const driver = mockDriver();
    const file = await filled(driver, PAGE);
    driver.observe(failNth({ operation: 'pread', nth: 1, errno: 5 }));
    expect(await file.scrub()).toMatchObject({ mediaErrors: [], found: [] });
    expect(read(file, 0, PAGE)).toEqual(content(PAGE));
  });

  it('and reads well later brings back no loss over which the application has written zeros', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: 0, length: 1 });
    await file.repair({ offset: 0, length: PAGE });
    file.write(new Uint8Array(PAGE), 0);
    driver.poison(PATH, bad);
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 10), MediaError);
    driver.overwrite(PATH, part(content(4 * PAGE), bad), bad.offset);
    expect(read(file, bad.offset, 10)).toEqual(part(content(4 * PAGE), { offset: bad.offset, length: 10 }));
    expect(read(file, 0, PAGE)).toEqual(new Uint8Array(PAGE));
  });

  it('and that the file has lost since is no media error', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
    await failure('ERR_PMEM_MEDIA', () => read(file, 2 * PAGE, 1));
    driver.truncate(PATH, PAGE);
    await failure('ERR_PMEM_TRUNCATED', () => read(file, 2 * PAGE, 1));
  });

  it('and that cannot be asked, since the filesystem has shut down, stays what it was', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
    await failure('ERR_PMEM_MEDIA', () => read(file, 2 * PAGE, 1));
    driver.shutDown();
    await failure('ERR_PMEM_MEDIA', () => read(file, 2 * PAGE, 1));
  });

  it('on tmpfs, whose poison is in the mapping alone: the answer stays the same, time and again', async () => {
    const driver = mockDriver({ filesystem: 'tmpfs' });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    for (let i = 0; i < 3; i++) {
      expect((await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 10))).ranges).toEqual([bad]);
    }
  });
});

describe('a page that another opener repairs', () => {
  it('reads as what that one rebuilt, without a call of badBlocks()', async () => {
    const driver = mockDriver();
    const [here, there] = [await filled(driver, 4 * PAGE), await PmemFile.open(PATH, { driver })];
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
    await failure('ERR_PMEM_MEDIA', () => read(here, 2 * PAGE, 1));
    await there.repair(bad, { rebuild: (range) => part(content(4 * PAGE), range) });
    expect(read(here, 0, 4 * PAGE)).toEqual(content(4 * PAGE));
  });

  it('is lost here too where that one could not rebuild it: never its fill', async () => {
    const driver = mockDriver();
    const [here, there] = [await filled(driver, 4 * PAGE), await PmemFile.open(PATH, { driver })];
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
    await failure('ERR_PMEM_MEDIA', () => read(here, 2 * PAGE, 1));
    await there.repair(bad);
    expect((await failure('ERR_PMEM_LOST', () => read(here, 0, 4 * PAGE))).ranges).toEqual([bad]);
    await failure('ERR_PMEM_LOST', () => read(here, 2 * PAGE, 1));
  });

  it.each(['5.10', '6.12'] as const)('%s: is closed while that one is at it, though it reads as zeros', async (kernel) => {
    const driver = mockDriver({ kernel, filesystem: 'ext4' });
    const [here, there] = [await filled(driver, 4 * PAGE), await PmemFile.open(PATH, { driver })];
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
    await failure('ERR_PMEM_MEDIA', () => read(here, 2 * PAGE, 1));
    const seen: unknown[] = [];
    // Until the mark is gone: by then the unit is verified.
    let inside = false;
    driver.observe(({ name, step }) => {
      if (inside || step !== undefined || !['zeroRange', 'pwrite', 'persist', 'sync', 'remap', 'writeJournal', 'writeMark'].includes(name)) return undefined;
      inside = true;
      try {
        seen.push(read(here, 2 * PAGE, PAGE)[0]);
      } catch (error) {
        seen.push((error as MediaError).code);
      } finally {
        inside = false;
      }
      return undefined;
    });
    await there.repair(bad, { rebuild: (range) => part(content(4 * PAGE), range) });
    expect(seen.length).toBeGreaterThan(2);
    expect(new Set(seen)).toEqual(new Set(['ERR_PMEM_MEDIA']));
    expect(read(here, 0, 4 * PAGE)).toEqual(content(4 * PAGE));
  });
});
