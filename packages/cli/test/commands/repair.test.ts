import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { describe, expect, it } from 'vitest';
import { commandLineOn } from '../mock-surroundings.js';
import { content, damaged, DB, PAGE } from './damaged-files.js';

describe('repair', () => {
  it('shows the plan, changes nothing, and does it with --yes', async () => {
    const line = damaged();
    const plan = await line.run('repair', DB, '--from', '/pmem/replica.db');
    expect(plan.out).toContain('[20480, 24576)  4096 B');
    expect(plan.out).toContain('nothing was changed');
    expect(plan.status).toBe(1);
    expect(line.driver.poisoned).not.toEqual([]);
    const done = await line.run('repair', DB, '--from', '/pmem/replica.db', '--yes');
    expect(done.out).toContain('cleared by recovery-write: 4096 B lost, 4096 B rebuilt');
    expect(done.status).toBe(0);
    expect(line.driver.readFile(DB)).toEqual(content(16));
    expect((await line.run('check', '/pmem')).status).toBe(0);
  });

  it('fills, or records as lost, as it is told', async () => {
    const filled = damaged();
    expect((await filled.run('repair', DB, '--fill', '7', '--yes')).status).toBe(0);
    expect(
      filled.driver
        .readFile(DB)
        .subarray(20480, 24576)
        .every((byte) => byte === 7),
    ).toBe(true);
    const lost = damaged();
    expect(await lost.run('repair', DB, '--leave-lost', '--yes')).toMatchObject({
      status: 1,
      out: expect.stringContaining('4096 bytes stay lost') as string,
    });
    const file = await PmemFile.open(DB, { driver: lost.driver });
    expect(() => {
      file.read(new Uint8Array(1), 20480);
    }).toThrow(expect.objectContaining({ code: 'ERR_PMEM_LOST' }) as Error);
    await file.close();
    // Later a replica is found.
    expect((await lost.run('repair', DB, '--from', '/pmem/replica.db', '--yes')).status).toBe(0);
    expect(lost.driver.readFile(DB)).toEqual(content(16));
  });

  it.each([[[]], [['--fill', '0', '--leave-lost']], [['--from', '/pmem/other', '--fill', '1']]])(
    'wants one source of the lost bytes, not %j',
    async (options) => {
      const line = damaged();
      expect(await line.run('repair', DB, ...options, '--yes')).toMatchObject({
        status: 64,
        err: expect.stringContaining('one of') as string,
      });
    },
  );

  it('takes no replica that is too short, or is the file itself, also under another name', async () => {
    const line = damaged();
    line.driver.link(DB, '/pmem/same');
    for (const replica of ['/pmem/other', DB, '/pmem/same']) {
      expect((await line.run('repair', DB, '--from', replica, '--yes')).status).toBe(64);
    }
    expect(line.driver.readFile(DB).subarray(0, 20480)).toEqual(content(16).subarray(0, 20480));
    expect(line.driver.poisoned).not.toEqual([]);
  });

  it('distrusts a replica that differs in healthy bytes beside the damage, until it is told not to', async () => {
    const line = damaged();
    line.driver.overwrite('/pmem/replica.db', new Uint8Array(8), 4 * PAGE);
    const refused = await line.run('repair', DB, '--from', '/pmem/replica.db', '--yes');
    expect(refused).toMatchObject({ status: 1, out: expect.stringContaining('--even-if-different') as string });
    expect(refused.err).toContain('[16384, 20480)');
    expect(line.driver.poisoned).not.toEqual([]);
    expect((await line.run('repair', DB, '--from', '/pmem/replica.db', '--even-if-different', '--yes')).status).toBe(
      0,
    );
  });

  it('leaves lost what the replica has lost as well', async () => {
    const line = damaged();
    line.driver.poison('/pmem/replica.db', { offset: 5 * PAGE, length: 1 });
    expect((await line.run('repair', DB, '--from', '/pmem/replica.db', '--yes')).out).toContain(
      '4096 bytes stay lost',
    );
  });

  it('repairs what scrub found, and nothing that can be read', async () => {
    const line = damaged();
    line.driver.poison(DB, { offset: 9 * PAGE, length: 1 }, { latent: true });
    await line.run('repair', DB, '--range', '0x8000:8192', '--from', '/pmem/replica.db', '--yes');
    expect(line.driver.poisoned).toEqual([]);
    expect(line.driver.readFile(DB)).toEqual(content(16));
    expect((await line.run('repair', DB, '--range', '64K:1', '--fill', '1')).status).toBe(64);
  });

  it('says what a device that cannot clear means, fails, and changes nothing', async () => {
    const line = damaged({ clearable: false });
    const { status, out, err } = await line.run('repair', DB, '--fill', '0', '--yes');
    expect(err).toContain('cannot clear poison');
    expect(out).toContain('not repaired');
    expect(status).toBe(1);
  });

  it('is refused while an application repairs the file', async () => {
    const line = damaged();
    const file = await PmemFile.open(DB, { driver: line.driver.process('application') });
    let ran: { status: number; err: string } | undefined;
    await file.repair(
      { offset: 20480, length: 4096 },
      {
        rebuild: async ({ length }) => {
          ran = await line.run('repair', DB, '--fill', '0', '--yes');
          return new Uint8Array(length).fill(3);
        },
      },
    );
    expect(ran).toMatchObject({ status: 2, err: expect.stringContaining('ERR_PMEM_LOCKED') as string });
    await file.close();
  });

  it('finishes what was cut off, and shows that before', async () => {
    const line = damaged();
    const dying = line.driver.process('dying');
    const stop = line.driver.observe(({ name, process }) => {
      if (process === 'dying' && name === 'pwrite') dying.kill();
      return undefined;
    });
    const file = await PmemFile.open(DB, { driver: dying });
    await file.repair({ offset: 20480, length: 4096 }, { fill: 9 }).catch(() => undefined);
    stop();
    expect((await line.run('journal', DB)).out).toContain('pending  [20480, 24576)  4096 B   all bytes 9');
    expect((await line.run('repair', DB, '--fill', '8')).out).toContain(
      'first, 1 unit of a repair that was cut off is finished',
    );
    expect((await line.run('journal', DB)).status).toBe(1);
    expect((await line.run('repair', DB, '--fill', '8', '--yes')).status).toBe(0);
    expect(line.driver.readFile(DB)[20480]).toBe(9);
    expect((await line.run('journal', DB)).status).toBe(0);
  });

  it('has nothing to do in a healthy file, and cannot tell without a list', async () => {
    const line = damaged();
    expect(await line.run('repair', '/pmem/other', '--fill', '0', '--yes')).toMatchObject({ status: 0 });
    const tmpfs = commandLineOn(mockDriver({ filesystem: 'tmpfs' }));
    tmpfs.driver.writeFile(DB, content(1));
    expect(await tmpfs.run('repair', DB, '--fill', '0', '--yes')).toMatchObject({ status: 2 });
  });
});
