import { mockDriver } from '@safe-pmem/mock';
import { describe, expect, it } from 'vitest';
import { commandLineOn } from '../mock-surroundings.js';
import { content, damaged, DB, PAGE } from './damaged-files.js';

describe('map', () => {
  it('draws what each part of the file is, and counts the bytes', async () => {
    const line = damaged();
    line.driver.punch(DB, { offset: 0, length: 2 * PAGE });
    const { status, out } = await line.run('map', DB, '--width', '8');
    expect(out.split('\n').slice(0, 3)).toEqual([
      `${DB}: 65536 bytes, 4.0 KiB a sign`,
      '             0  ..###X##',
      '         32768  ########',
    ]);
    expect(out).toMatch(/X +4096 B {2}bad/);
    expect(out).toMatch(/# +53248 B/);
    expect(out).toMatch(/\. +8192 B {2}hole/);
    expect(status).toBe(1);
  });

  it('gives a sign to each block, whatever its size', async () => {
    const pageBytes = 16_384;
    const { out } = await damaged({ pageBytes }).run('map', DB, '--width', '8');
    expect(out.split('\n').slice(0, 2)).toEqual([`${DB}: 65536 bytes, 16.0 KiB a sign`, '             0  #X##']);
  });

  it('shows the worst of what a sign stands for', async () => {
    const line = damaged();
    line.driver.writeFile('/pmem/big', content(1000));
    line.driver.poison('/pmem/big', { offset: 777 * PAGE, length: 1 });
    const { out } = await line.run('map', '/pmem/big', '--width', '10');
    const signs = out
      .split('\n')
      .slice(1, 17)
      .map((row) => row.slice(16))
      .join('');
    expect(signs.match(/X/g)).toHaveLength(1);
    expect(signs.indexOf('X')).toBe(Math.floor(777 / 7));
  });

  it('draws losses, and says that it cannot tell where there is no list', async () => {
    const line = damaged();
    await line.run('repair', DB, '--leave-lost', '--yes');
    expect((await line.run('map', DB, '--width', '16')).out).toContain('#####L##########');
    const tmpfs = commandLineOn(mockDriver({ filesystem: 'tmpfs' }));
    tmpfs.driver.writeFile(DB, content(1));
    expect(await tmpfs.run('map', DB)).toMatchObject({
      status: 2,
      out: expect.stringContaining('cannot tell') as string,
    });
  });
});
