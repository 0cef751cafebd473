/**
 * A second writer of the same files, which were opened without `exclusive`: a rolling restart, a script beside a
 * server.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Driver } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { type MockDriver, mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import type { StoreOptions } from '../../src/pages/index.js';
import { PageStore } from '../../src/pages/index.js';
import { followStream, ReplicatedWal } from '../../src/replicated/index.js';
import type { WalOptions } from '../../src/wal/index.js';
import { Wal } from '../../src/wal/index.js';

const PAGE = 4096;
const made: string[] = [];
afterAll(async () => {
  for (const path of made) await rm(path, { recursive: true });
});

async function folder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'second-writer-'));
  made.push(directory);
  return directory;
}

class Place {
  readonly driver: Driver;
  readonly directory: string;
  readonly #opened: PmemFile[] = [];

  constructor(driver: Driver, directory: string) {
    this.driver = driver;
    this.directory = directory;
    if ('makeDirectory' in driver) (driver as MockDriver).makeDirectory(directory);
  }

  async file(name: string): Promise<PmemFile> {
    const options = { driver: this.driver, create: true, size: 16 * PAGE, preallocate: true };
    const file = await PmemFile.open(join(this.directory, name), options);
    this.#opened.push(file);
    return file;
  }

  async log(): Promise<WalOptions> {
    return { file: await this.file('log'), mirror: await this.file('log-mirror'), create: true };
  }

  async store(): Promise<StoreOptions> {
    const [file, mirror] = [await this.file('pages'), await this.file('pages-mirror')];
    return { file, mirror, log: await this.file('log'), logMirror: await this.file('log-mirror'), create: true };
  }

  async close(): Promise<void> {
    for (const file of this.#opened.splice(0)) await file.close();
  }
}

const locked = { code: 'ERR_PMEM_LOCKED' };

describe.each([
  ['on the mock', () => mockDriver()],
  ['on real files', () => nativeDriver()],
])('in the same process, %s', (_, makeDriver) => {
  test('a second log is refused, with files of its own and with the same ones, until the first is closed', async () => {
    const place = new Place(makeDriver(), await folder());
    const options = await place.log();
    const first = await Wal.open(options);
    first.append(Buffer.from('one'));
    first.commit();
    await expect(Wal.open(options)).rejects.toMatchObject(locked);
    await expect(Wal.open(await place.log())).rejects.toMatchObject(locked);
    (await Wal.open({ ...options, readOnly: true })).close();
    const other = await place.file('other');
    await expect(Wal.open({ file: other, mirror: options.file, create: true })).rejects.toMatchObject(locked);
    (await Wal.open({ file: other, create: true })).close();
    first.append(Buffer.from('two'));
    expect(first.commit().lastSequence).toBe(2);
    first.close();
    first.close();
    const second = await Wal.open(await place.log());
    expect(second.lastSequence).toBe(2);
    second.close();
    await place.close();
  });

  test('a second store is refused, whichever of its files it shares', async () => {
    const place = new Place(makeDriver(), await folder());
    const options = await place.store();
    const first = await PageStore.open(options);
    await first.put(Buffer.from('a'), Buffer.from('1'));
    await expect(PageStore.open(options)).rejects.toMatchObject(locked);
    await expect(PageStore.open(await place.store())).rejects.toMatchObject(locked);
    const [otherLog, otherMirror] = [await place.file('l'), await place.file('m')];
    await expect(PageStore.open({ ...options, log: otherLog, logMirror: otherMirror })).rejects.toMatchObject(locked);
    const others = { file: await place.file('p'), mirror: await place.file('q') };
    await expect(PageStore.open({ ...options, ...others })).rejects.toMatchObject(locked);
    await first.put(Buffer.from('b'), Buffer.from('2'));
    await first.close();
    // Those that were refused hold on to nothing.
    const next = await PageStore.open(await place.store());
    expect(['a', 'b'].map((key) => Buffer.from(next.get(Buffer.from(key)) ?? []).toString())).toEqual(['1', '2']);
    await next.close();
    await place.close();
  });

  test('a second replicated log is refused, on the same local log and on its files', async () => {
    const place = new Place(makeDriver(), await folder());
    const server = new SimulatedServer();
    const options = await place.log();
    const wal = await Wal.open(options);
    const first = await ReplicatedWal.open({ wal, stream: server.connect() });
    await first.append(Buffer.from('one'));
    const refused = { code: 'ERR_REPLICATED_LOCKED' };
    await expect(ReplicatedWal.open({ wal, stream: server.connect() })).rejects.toMatchObject(refused);
    await expect(followStream(wal, server.connect(), new AbortController().signal)).rejects.toMatchObject(refused);
    await expect(Wal.open(options)).rejects.toMatchObject(locked);
    expect(await first.append(Buffer.from('two'))).toBe(2);
    await first.close();
    const second = await ReplicatedWal.open({ wal, stream: server.connect() });
    expect(await second.append(Buffer.from('three'))).toBe(3);
    await second.close();
    wal.close();
    await place.close();
  });

  test('an open that was refused for another reason has let go of the files', async () => {
    const place = new Place(makeDriver(), await folder());
    const options = await place.store();
    await expect(Wal.open({ file: options.log })).rejects.toMatchObject({ code: 'ERR_WAL_NOT_FORMATTED' });
    const store = PageStore.open({ ...options, create: false });
    await expect(store).rejects.toMatchObject({ code: 'ERR_PAGES_NOT_FORMATTED' });
    options.file.write(Buffer.from('foreign'), 0);
    await expect(PageStore.open(options)).rejects.toMatchObject({ code: 'ERR_PAGES_FOREIGN' });
    options.file.write(new Uint8Array(7), 0);
    await (await PageStore.open(options)).close();
    await place.close();
  });
});

/** Another process that has the files in use, until it is killed. */
async function otherProcess(program: string): Promise<() => Promise<void>> {
  const names = { core: 'core', native: 'native', wal: 'examples/wal', pages: 'examples/pages' };
  const lines = Object.entries(names).map(([name, entry]) => {
    return `import * as ${name} from ${JSON.stringify(import.meta.resolve(`@safe-pmem/${entry}`))};`;
  });
  const source = `${lines.join('\n')}\n${program}\nconsole.log('open'); setInterval(() => {}, 1000);`;
  const args = ['--input-type=module', '--eval', source];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
}

const openIn = (directory: string): string => `
  const driver = native.nativeDriver();
  const size = ${16 * PAGE};
  const open = (name) => core.PmemFile.open(${JSON.stringify(directory)} + '/' + name, { driver, create: true, size });
`;

describe('in another process', () => {
  test('a log and a replicated log are refused, and let in when that process was killed', async () => {
    const place = new Place(nativeDriver(), await folder());
    const kill = await otherProcess(`${openIn(place.directory)}
      globalThis.log = await wal.Wal.open({ file: await open('log'), mirror: await open('log-mirror'), create: true });
      log.append(Buffer.from('there')); log.commit();`);
    const options = await place.log();
    await expect(Wal.open(options)).rejects.toMatchObject(locked);
    await kill();
    const stream = new SimulatedServer().connect();
    const log = await ReplicatedWal.open({ wal: await Wal.open(options), stream });
    expect(await log.append(Buffer.from('here'))).toBe(2);
    await log.close();
    log.wal.close();
    await place.close();
  });

  test('a store is refused, and let in when that process was killed', async () => {
    const place = new Place(nativeDriver(), await folder());
    const kill = await otherProcess(`${openIn(place.directory)}
      const [file, mirror] = [await open('pages'), await open('pages-mirror')];
      const [log, logMirror] = [await open('log'), await open('log-mirror')];
      globalThis.store = await pages.PageStore.open({ file, mirror, log, logMirror, create: true });
      await store.put(Buffer.from('a'), Buffer.from('1'));`);
    const options = await place.store();
    await expect(PageStore.open(options)).rejects.toMatchObject(locked);
    await kill();
    const store = await PageStore.open(options);
    expect(Buffer.from(store.get(Buffer.from('a')) ?? []).toString()).toBe('1');
    await store.close();
    await place.close();
  });
});

test('where the filesystem has no locks every engine says so, and reading goes on', async () => {
  const driver = mockDriver({ locks: false });
  const place = new Place(driver, '/pmem');
  const options = await place.log();
  await expect(Wal.open(options)).rejects.toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED' });
  await expect(PageStore.open(await place.store())).rejects.toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED' });
  const reading = Wal.open({ ...options, create: false, readOnly: true });
  await expect(reading).rejects.toMatchObject({ code: 'ERR_WAL_NOT_FORMATTED' });
});
