import { mockDriver } from '@safe-pmem/mock';
import { describe, expect, it } from 'vitest';
import { commandLineOn } from '../mock-surroundings.js';
import { content, damaged, DB, PAGE } from './damaged-files.js';

describe('watch', () => {
  it('lists what is bad now, then names the file of each change, until ^C', async () => {
    const line = damaged();
    const running = line.run('watch', '/pmem');
    const until = async (text: string): Promise<void> => {
      for (let turn = 0; turn < 1000 && !(line.printed.out + line.printed.err).includes(text); turn++)
        await new Promise(setImmediate);
    };
    await until('watching pmem0');
    line.driver.poison('/pmem/other', { offset: PAGE, length: 1 });
    await until('new');
    line.driver.overwrite(DB, new Uint8Array(PAGE), 5 * PAGE);
    await until('cleared');
    line.interrupt.abort();
    const { status, out } = await running;
    expect(out.split('\n').map((row) => row.replace(/ +pmem0 sector \d+$/, ''))).toEqual([
      '18:44:31  listed   db/app.db [20480, 24576)',
      '18:44:31  new      other [4096, 8192)',
      '18:44:31  cleared  db/app.db [20480, 24576)',
      '',
    ]);
    expect(status).toBe(1);
  });

  it('ends after as many events as it is told, and gives machines the time', async () => {
    const line = commandLineOn(mockDriver());
    line.driver.writeFile(DB, content(4));
    const running = line.run('watch', DB, '--count', '1', '--json');
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    line.driver.poison(DB, { offset: 0, length: 1 });
    const { records } = await running;
    expect(records.at(-1)).toMatchObject({
      version: 1,
      type: 'new',
      path: DB,
      offset: 0,
      length: 4096,
      time: expect.stringMatching(/^2026-.*Z$/) as string,
    });
  });

  it('ends with 2 where nothing would be noticed', async () => {
    const line = commandLineOn(mockDriver({ filesystem: 'tmpfs' }));
    line.driver.writeFile(DB, content(1));
    expect(await line.run('watch', '/pmem')).toMatchObject({
      status: 2,
      err: expect.stringContaining('cannot watch') as string,
    });
  });
});
