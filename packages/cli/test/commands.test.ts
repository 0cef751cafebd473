import { MediaError, PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import type { MockDriver, MockOptions } from '@safe-pmem/mock';
import { describe, expect, it } from 'vitest';
import type { CommandLine, CommandLineOptions } from './mock-surroundings.js';
import { commandLineOn } from './mock-surroundings.js';

const PAGE = 4096;
const DB = '/pmem/db/app.db';

function content(pages: number): Uint8Array {
  return Uint8Array.from({ length: pages * PAGE }, (_, i) => ((i * 7 + (i >>> 12) * 13) % 255) + 1);
}

/** Three files, and in one of them a media error at [20480, 24576). */
function damaged(options: MockOptions = {}, screen: CommandLineOptions = {}): CommandLine {
  const driver = mockDriver(options);
  driver.writeFile(DB, content(16));
  driver.writeFile('/pmem/other', content(2));
  driver.writeFile('/pmem/replica.db', content(16));
  driver.poison(DB, { offset: 5 * PAGE + 100, length: 1 });
  return commandLineOn(driver, screen);
}

function sectorOf(driver: MockDriver, path: string, offset: number): number {
  return Math.floor((driver.physicalOf(path, offset) ?? Number.NaN) / 512);
}

/** As for a user who is not root. */
function forbidSpace({ driver }: CommandLine): void {
  driver.devices.spaceOf = () => Promise.resolve({ failure: { errno: 1, syscall: 'ioctl' } });
}

describe('check', () => {
  it('names the file, the bytes and the sector, counts the rest, and ends with 1', async () => {
    const line = damaged();
    line.driver.poisonPhysical({ offset: 100 << 20, length: 512 });
    const { status, out } = await line.run('check', '/pmem');
    const sector = sectorOf(line.driver, DB, 5 * PAGE + 100);
    expect(out.split('\n')[0]).toBe(
      `${DB}   [20480, 24576)  4096 B   pmem0 sector ${sector}   device can clear: yes`,
    );
    expect(out).toContain('1 of 3 files damaged; 1 bad block in free space; 0 in no file that was looked at\n');
    expect(status).toBe(1);
  });

  it('says that no bad block is left over where every one is in a file, to everybody', async () => {
    const line = damaged();
    forbidSpace(line);
    expect((await line.run('check', '/')).out).toContain(
      '1 of 3 files damaged; 0 bad blocks in free space; 0 without an owner\n',
    );
  });

  it('tells root what is free, without a name or of the filesystem, and others that root is told', async () => {
    const line = damaged();
    const { driver } = line;
    const open = await PmemFile.open('/pmem/other', { driver });
    driver.poison('/pmem/other', { offset: PAGE, length: 1 });
    driver.unlink('/pmem/other');
    driver.poisonPhysical({ offset: 100 << 20, length: 512 });
    driver.poisonPhysical({ offset: 0, length: 512 });
    const asRoot = await line.run('check', '/', '--json');
    expect(asRoot.records.at(-1)).toMatchObject({
      badBlocks: 4, badBlocksElsewhere: 3, badBlocksFree: 1, badBlocksOfFilesystem: 1,
    });
    expect((await line.run('check', '/')).out).toContain(
      "1 of 2 files damaged; 1 bad block in free space; 1 without an owner; 1 in the filesystem's own data\n",
    );
    forbidSpace(line);
    const { out } = await line.run('check', '/');
    expect(out).toContain('1 of 2 files damaged; 3 bad blocks of pmem0 in none of them');
    expect(out).toContain('root is told which');
    await open.close();
  });

  it('looks at no file where the device lists nothing, and ends with 0', async () => {
    const line = commandLineOn(mockDriver());
    line.driver.writeFile(DB, content(16));
    const { status, out } = await line.run('check', '/pmem');
    expect({ status, looks: line.looks }).toEqual({ status: 0, looks: [] });
    expect(out).toBe('/pmem: pmem0 lists no bad blocks; no file had to be looked at\n');
  });

  it('says that an empty list says little on a bus that does not list what programs meet', async () => {
    const onE820 = commandLineOn(mockDriver());
    onE820.driver.writeFile(DB, content(1));
    expect((await onE820.run('check', '/pmem')).err).toContain('(e820) does not list errors that programs meet');
    const onAcpi = commandLineOn(mockDriver({ clearable: false }));
    onAcpi.driver.writeFile(DB, content(1));
    expect((await onAcpi.run('check', '/pmem')).err).toBe('');
  });

  it('ends with 2 where nobody can tell, and never calls that healthy', async () => {
    const line = commandLineOn(mockDriver({ filesystem: 'tmpfs' }));
    line.driver.writeFile(DB, content(16));
    const { status, out } = await line.run('check', '/pmem');
    expect(status).toBe(2);
    expect(out).toContain('cannot tell');
  });

  it('ends with 2 if a file cannot be looked at, and with 1 if another is damaged', async () => {
    const line = damaged();
    const stop = line.driver.observe(({ name, path }) =>
      name === 'open' && path === '/pmem/other' ? { errno: 13 } : undefined,
    );
    const both = await line.run('check', '/pmem', '--json');
    expect(both.status).toBe(1);
    expect(both.records.at(-1)).toMatchObject({ type: 'summary', status: 'damaged', notLookedAt: 1, damaged: 1 });
    await line.run('repair', DB, '--fill', '0', '--yes');
    line.driver.poisonPhysical({ offset: 100 << 20, length: 512 });
    expect((await line.run('check', '/pmem')).status).toBe(2);
    stop();
    expect((await line.run('check', '/pmem')).status).toBe(0);
  });

  it('ends with the worst of several paths, in whatever order', async () => {
    const line = damaged();
    expect((await line.run('check', '/pmem/db', '/pmem/other')).status).toBe(1);
    expect((await line.run('check', '/pmem/other', '/pmem/db')).status).toBe(1);
    expect((await line.run('check', '/pmem/other')).status).toBe(0);
  });

  it('tells of losses that earlier repairs left in a file that is named', async () => {
    const line = damaged();
    await line.run('repair', DB, '--leave-lost', '--yes');
    expect(await line.run('check', DB)).toMatchObject({
      status: 1,
      out: expect.stringContaining('lost by an earlier repair') as string,
    });
  });

  it('gives machines everything that people get', async () => {
    const line = damaged();
    const { records } = await line.run('check', '/pmem', '--json');
    expect(records).toEqual([
      {
        version: 1,
        type: 'damage',
        path: DB,
        offset: 20480,
        length: 4096,
        device: '259:0',
        deviceName: 'pmem0',
        sector: sectorOf(line.driver, DB, 5 * PAGE + 100),
        unwritten: false,
        shared: false,
      },
      {
        version: 1,
        type: 'summary',
        path: '/pmem',
        device: '259:0',
        status: 'damaged',
        files: 3,
        damaged: 1,
        notLookedAt: 0,
        badBlocks: 1,
        badBlocksElsewhere: 0,
        badBlocksFree: 0,
        badBlocksOfFilesystem: 0,
        listsConsumedErrors: false,
      },
    ]);
  });
});

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

describe('scrub', () => {
  it('finds what nobody knows yet, beside what is known', async () => {
    const line = damaged();
    line.driver.poison(DB, { offset: 9 * PAGE, length: 1 }, { latent: true });
    const { status, out } = await line.run('scrub', DB);
    expect(out).toContain('[20480, 24576)  4096 B   known before');
    expect(out).toContain('[36864, 40960)  4096 B   found now');
    expect(out).toContain('65536 bytes read; 8192 bytes cannot be read');
    expect(status).toBe(1);
  });

  it('reads a range only, and ends with 0 where it is healthy', async () => {
    expect(await damaged().run('scrub', DB, '--range', '0:16K')).toMatchObject({
      status: 0,
      out: `${DB}: 16384 bytes read; 0 bytes cannot be read\n`,
    });
  });

  it('says how far it came when it is interrupted: that is not healthy', async () => {
    const line = damaged({}, {});
    line.interrupt.abort();
    expect(await line.run('scrub', '/pmem/other')).toMatchObject({
      status: 2,
      out: '/pmem/other: interrupted after 0 of 8192 bytes; 0 bytes cannot be read\n',
    });
  });

  it('shows rate and remaining time on a terminal', async () => {
    let ms = 0;
    const line = damaged({}, { canRewrite: true, now: () => new Date((ms += 1500)) });
    const { err } = await line.run('scrub', '/pmem/replica.db');
    expect(err).toMatch(/^\rscrubbed 64\.0 KiB of 64\.0 KiB \(100 %\), .*\/s/);
    expect(err.endsWith('\r')).toBe(true);
  });
});

describe('salvage', () => {
  it('copies what can be read, and lists the gaps beside the copy', async () => {
    const line = damaged();
    const { status, out } = await line.run('salvage', DB, '/backup/copy.db');
    expect(out).toBe('61440 of 65536 bytes; 1 gap [20480, 24576), listed in /backup/copy.db.gaps.json\n');
    expect(status).toBe(1);
    const copy = line.made.get('/backup/copy.db') ?? Buffer.alloc(0);
    expect(copy.subarray(0, 5 * PAGE)).toEqual(Buffer.from(content(16).subarray(0, 5 * PAGE)));
    expect(copy.subarray(6 * PAGE)).toEqual(Buffer.from(content(16).subarray(6 * PAGE)));
    expect(JSON.parse(String(line.made.get('/backup/copy.db.gaps.json')))).toEqual({
      version: 1,
      source: DB,
      copy: '/backup/copy.db',
      sizeBytes: 65536,
      salvagedBytes: 61440,
      gaps: [{ offset: 20480, length: 4096, reason: 'media' }],
    });
  });

  it('puts a byte of choice into the gaps', async () => {
    const line = damaged();
    await line.run('salvage', DB, '/copy', '--fill', '238');
    expect(
      line.made
        .get('/copy')
        ?.subarray(20480, 24576)
        .every((byte) => byte === 238),
    ).toBe(true);
  });

  it('makes no list for a file that is whole, and replaces nothing', async () => {
    const line = damaged();
    expect((await line.run('salvage', '/pmem/other', '/copy')).status).toBe(0);
    expect([...line.made.keys()]).toEqual(['/copy']);
    expect(await line.run('salvage', DB, '/copy')).toMatchObject({
      status: 2,
      err: expect.stringContaining('exists already') as string,
    });
    expect(line.made.get('/copy')).toHaveLength(2 * PAGE);
  });

  it('leaves no copy behind when it is interrupted', async () => {
    const driver = mockDriver();
    driver.writeFile('/pmem/big', content(5000));
    const line = commandLineOn(driver, {
      beforeWrite: () => {
        line.interrupt.abort();
      },
    });
    expect(await line.run('salvage', '/pmem/big', '/copy')).toMatchObject({ status: 2 });
    expect([...line.made.keys()]).toEqual([]);
  });
});

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

  it('colours only where that is wanted', async () => {
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
