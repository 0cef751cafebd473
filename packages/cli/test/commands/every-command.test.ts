import { MediaError, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { damaged, DB, PAGE } from './damaged-files.js';

describe('every command', () => {
  it.each([
    [['check', '/nowhere'], 2],
    [['map', '/nowhere'], 2],
    [['scrub', '/pmem'], 2],
    [['journal', '/nowhere'], 2],
    [['map'], 64],
    [['map', 'a', 'b'], 64],
    [['nonsense'], 64],
    [[], 64],
    [['map', DB, '--width', '0'], 64],
    [['scrub', DB, '--rate', 'fast'], 64],
    [['--help'], 0],
    [['check', '--help'], 0],
    [['--version'], 0],
    [['completion', 'tcsh'], 64],
  ])('%j ends with %i', async (argv, status) => {
    const ran = await damaged().run(...argv);
    expect(ran.status).toBe(status);
    if (status === 64) expect(ran.err).not.toBe('');
  });

  it.each(['check', 'map', 'scrub', 'salvage', 'repair', 'who', 'watch', 'info', 'journal', 'report'])(
    '%s has an example and the exit statuses in its help',
    async (name) => {
      const { out } = await damaged().run(name, '--help');
      expect(out).toContain(`$ safe-pmem ${name}`);
      expect(out).toContain('Exit status: 0 healthy');
    },
  );

  it('colours only if that is wanted', async () => {
    expect((await damaged({}, { hasColor: true }).run('check', '/pmem')).out).toContain('\u001b[31m');
    expect((await damaged({}, { hasColor: true }).run('check', '/pmem', '--json')).out).not.toContain('\u001b');
    expect((await damaged().run('check', '/pmem')).out).not.toContain('\u001b');
  });

  it('does not touch poison: nothing is consumed by looking', async () => {
    const line = damaged();
    line.driver.poison(DB, { offset: 9 * PAGE, length: 1 }, { latent: true });
    const touched: string[] = [];
    line.driver.observe(({ name, position, length, path }) => {
      const isAccess = ['read', 'pread', 'scrub', 'view'].includes(name) && path === DB;
      if (isAccess && position < 10 * PAGE && position + length > 9 * PAGE) touched.push(name);
      return undefined;
    });
    for (const argv of [
      ['check', '/pmem'],
      ['map', DB],
      ['info', DB],
      ['journal', DB],
      ['who', 'pmem0', '1'],
      ['repair', DB, '--fill', '0'],
    ]) {
      await line.run(...argv);
    }
    expect(touched).toEqual([]);
    const file = await PmemFile.open(DB, { driver: line.driver });
    expect(() => {
      file.read(new Uint8Array(1), 9 * PAGE);
    }).toThrow(MediaError);
    await file.close();
  });
});
