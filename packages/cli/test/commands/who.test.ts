import { describe, expect, it } from 'vitest';
import { damaged, DB, forbidSpace, PAGE, sectorOf } from './damaged-files.js';

describe('who', () => {
  it('names the file and the byte', async () => {
    const line = damaged();
    const sector = sectorOf(line.driver, DB, 5 * PAGE + 512);
    expect(await line.run('who', 'pmem0', String(sector))).toMatchObject({
      status: 0,
      out: `${DB} +${5 * PAGE + 512}\n`,
    });
    expect(await line.run('who', '259:0', '200000')).toMatchObject({ status: 2 });
    expect(await line.run('who', 'pmem1', '1')).toMatchObject({
      status: 2,
      err: expect.stringContaining('ERR_PMEM_NOT_FOUND') as string,
    });
    expect((await line.run('who', 'pmem0', 'x')).status).toBe(64);
  });

  it('says of a sector in no file what the filesystem has made of it, as far as this user is told', async () => {
    const line = damaged();
    const records = async (sector: number): Promise<unknown> =>
      (await line.run('who', 'pmem0', String(sector), '--json')).records.at(-1);
    expect(await records(200000)).toMatchObject({ owners: 0, use: 'free', status: 'unknown' });
    expect(await records(1)).toMatchObject({ owners: 0, use: 'filesystem' });
    expect((await line.run('who', 'pmem0', '200000')).out).toContain('the next file that gets it inherits its errors');
    forbidSpace(line);
    expect(await records(200000)).not.toHaveProperty('use');
    expect((await line.run('who', 'pmem0', '200000')).out).toContain('root is told which');
  });

  it('names every file that shares the block', async () => {
    const line = damaged({ filesystem: 'xfs' });
    line.driver.reflink(DB, '/pmem/clone');
    const { out } = await line.run('who', 'pmem0', String(sectorOf(line.driver, DB, 0)));
    expect(out).toBe(`/pmem/clone +0   shared with another file\n${DB} +0   shared with another file\n`);
  });
});
