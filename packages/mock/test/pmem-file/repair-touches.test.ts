/** Which pages a repair loads from before it rewrites them: consuming poison again and again can take a machine down. */
import { describe, expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, PATH, read } from './opened.js';

describe('a repair', () => {
  const bad = { offset: 2 * PAGE, length: PAGE };

  /** Positions of loads from the bad page before its first rewrite. */
  async function loadsOf(meetFirst: boolean): Promise<readonly number[]> {
    const driver = mockDriver({ filesystem: 'ext4' });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    if (meetFirst) await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 8));
    const loads: number[] = [];
    let rewritten = false;
    driver.observe(({ name, position, length }) => {
      rewritten ||= name === 'zeroRange' || name === 'pwrite';
      if (name === 'read' && !rewritten && position < bad.offset + PAGE && position + length > bad.offset) loads.push(position);
      return undefined;
    });
    await file.repair({ offset: bad.offset, length: 1 }, { rebuild: ({ offset, length }) => content(4 * PAGE).slice(offset, offset + length) });
    expect(read(file, 0, 4 * PAGE)).toEqual(content(4 * PAGE));
    return loads;
  }

  it('does not load again from a page that has faulted', async () => {
    expect(await loadsOf(true)).toEqual([]);
  });

  it('tries once what is only listed: an old mapping may still have its bytes', async () => {
    expect(await loadsOf(false)).toEqual([bad.offset]);
  });
});
