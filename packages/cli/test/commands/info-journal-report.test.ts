import { describe, expect, it } from 'vitest';
import { damaged, DB, PAGE } from './damaged-files.js';

describe('info, journal and report', () => {
  it('says what is promised, and what is not', async () => {
    const { status, out } = await damaged().run('info', DB);
    expect(status).toBe(0);
    for (const text of [
      'ext4 on pmem0',
      'clwb',
      'the device can clear poison',
      'NOT entered by this bus',
      'none',
      'not promised',
    ]) {
      expect(out).toContain(text);
    }
    const { records } = await damaged({ clearable: false }).run('info', DB, '--json');
    expect(records).toMatchObject([
      { type: 'info', canClear: 'no', listsConsumedErrors: true, badBlockList: { supported: true } },
    ]);
  });

  it('decodes what a repair has left', async () => {
    const line = damaged();
    expect(await line.run('journal', DB)).toMatchObject({
      status: 0,
      out: expect.stringContaining('no repair journal') as string,
    });
    await line.run('repair', DB, '--leave-lost', '--yes');
    const { status, out } = await line.run('journal', DB);
    expect(status).toBe(1);
    expect(out).toContain('lost     [20480, 24576)  4096 B');
    expect(out).toContain(`${DB}.repair, id `);
  });

  it('says what is wrong with a journal that is damaged, and ends with 2', async () => {
    const line = damaged();
    await line.run('repair', DB, '--leave-lost', '--yes');
    const bytes = line.driver.readFile(`${DB}.repair`).slice();
    bytes[50] = (bytes[50] ?? 0) ^ 1;
    line.driver.overwrite(`${DB}.repair`, bytes, 0);
    expect(await line.run('journal', DB)).toMatchObject({
      status: 2,
      err: expect.stringContaining('ERR_PMEM_JOURNAL') as string,
    });
  });

  it('enters an error into the list, with evidence and --yes only', async () => {
    const line = damaged();
    line.driver.poison(DB, { offset: 9 * PAGE, length: 1 }, { latent: true });
    const stop = line.driver.observe(({ name, position, path }) =>
      name === 'pread' && path === DB && position === 9 * PAGE ? { errno: 14 } : undefined,
    );
    const before = (await line.run('check', '/pmem', '--json')).records.length;
    expect(await line.run('report', DB, String(9 * PAGE + 5))).toMatchObject({
      status: 1,
      out: expect.stringContaining('nothing was changed') as string,
    });
    expect((await line.run('check', '/pmem', '--json')).records).toHaveLength(before);
    expect(await line.run('report', DB, String(9 * PAGE + 5), '--yes')).toMatchObject({
      status: 0,
      out: expect.stringContaining('entered') as string,
    });
    stop();
    expect((await line.run('check', '/pmem', '--json')).records).toHaveLength(before + 1);
    expect((await line.run('report', DB, String(9 * PAGE), '--yes')).out).toContain('listed already');
    expect((await line.run('report', DB, '0', '--yes')).out).toContain('nothing to report');
    expect((await line.run('report', DB, '65536', '--yes')).status).toBe(64);
  });
});
