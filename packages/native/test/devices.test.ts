import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { deviceId } from '../src/device-id.js';
import { NativeDevices } from '../src/devices.js';
import { loadBinding } from '../src/load-binding.js';
import { scratchFolder } from './scratch.js';

const MOUNTS = [
  '24 1 8:1 / / rw - ext4 /dev/sda1 rw',
  '36 24 259:2 /sub /mnt/bound rw - ext4 /dev/pmem0p2 rw',
  '35 24 259:2 / /mnt/with\\040space rw,dax=always - ext4 /dev/pmem0p2 rw',
  '',
].join('\n');

/** A disk pmem0 with one partition that begins at sector 2048. */
function machine(list = ''): { devices: NativeDevices; list: string } {
  const root = scratchFolder();
  const disk = 'devices/LNXSYSTM:00/ACPI0012:00/ndbus0/region0/pfn0.1/block/pmem0';
  const files = {
    [`${disk}/badblocks`]: list,
    [`${disk}/pmem0p2/partition`]: '2\n',
    [`${disk}/pmem0p2/start`]: '2048\n',
    [`${disk}/pmem0p2/size`]: '4096\n',
    [`${disk}/pmem0p2/dev`]: '259:2\n',
    'devices/LNXSYSTM:00/ACPI0012:00/ndbus0/provider': 'ACPI.NFIT\n',
    'devices/LNXSYSTM:00/ACPI0012:00/ndbus0/commands': 'ars_cap clear_error cmd_call\n',
    mountinfo: MOUNTS,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  for (const folder of ['dev/block', 'class/block']) mkdirSync(path.join(root, folder), { recursive: true });
  symlinkSync(`../../${disk}/pmem0p2`, path.join(root, 'dev/block/259:2'));
  symlinkSync(`../../${disk}/pmem0p2`, path.join(root, 'class/block/pmem0p2'));
  return {
    devices: new NativeDevices({ sysfsRoot: root, mountInfo: path.join(root, 'mountinfo') }),
    list: path.join(root, disk, 'badblocks'),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a device', () => {
  it.each(['pmem0p2', '/dev/pmem0p2', '259:2'])(
    'is found by %s, with its place on the disk, its bus and its mounts',
    async (name) => {
      const { devices } = machine();
      expect(await devices.named(name)).toEqual({
        device: {
          id: '259:2',
          name: 'pmem0p2',
          startBytes: 2048 * 512,
          mountPoints: ['/mnt/with space', '/mnt/bound'],
          bus: { provider: 'ACPI.NFIT', commands: ['ars_cap', 'clear_error', 'cmd_call'] },
        },
      });
    },
  );

  it.each(['pmem7', '', '..', '../../etc/passwd'])('is not found by %j', async (name) => {
    expect(await machine().devices.named(name)).toMatchObject({ failure: { errno: 2 } });
  });

  it('is found by a path, as stat(2) names it', async () => {
    const folder = scratchFolder();
    const { dev } = statSync(folder, { bigint: true });
    expect(await new NativeDevices().ofPath(folder)).toMatchObject({ device: { id: deviceId(dev) } });
    expect(await new NativeDevices().ofPath(path.join(folder, 'missing'))).toMatchObject({
      failure: { errno: 2, syscall: 'stat' },
    });
  });

  it.each([
    [0x10300n, '259:0'],
    [0x801n, '8:1'],
    [0x2bn, '0:43'],
    [0x100000n, '0:256'],
    [0x1000_0000_0301n, '4099:1'],
  ])('has the numbers that dev_t %d packs', (dev, id) => {
    expect(deviceId(dev)).toBe(id);
  });

  it('has bytes reported in sectors of the disk, whole ones', async () => {
    const { devices, list } = machine();
    expect(await devices.report('259:2', { offset: 4096, length: 4096 })).toBeUndefined();
    expect(readFileSync(list, 'utf8')).toBe('2056 8\n');
    writeFileSync(list, '');
    expect(await devices.report('259:2', { offset: 700, length: 1 })).toBeUndefined();
    expect(readFileSync(list, 'utf8')).toBe('2049 1\n');
    expect(await devices.report('259:9', { offset: 0, length: 1 })).toMatchObject({ syscall: 'open' });
  });
});

describe('the list of a device is watched', () => {
  it('by any number at once, each told of every change until it ends', async () => {
    const { devices, list } = machine();
    let [first, second] = [0, 0];
    const one = await devices.watch('259:2', () => {
      first++;
    });
    const other = await devices.watch('259:2', () => {
      second++;
    });
    if (!one.supported || !other.supported) throw new Error('not watched');
    appendFileSync(list, '2056 1\n');
    await until(() => first > 0 && second > 0);
    one.watch.close();
    one.watch.close();
    const before = [first, second];
    appendFileSync(list, '2064 1\n');
    await until(() => second > (before[1] ?? 0));
    expect(first).toBe(before[0]);
    other.watch.close();
  });

  it('and its end is noticed: another device may come under its name', async () => {
    const { devices, list } = machine();
    let [old, fresh] = [0, 0];
    const gone = await devices.watch('259:2', () => {
      old++;
    });
    rmSync(list);
    await until(() => old > 0);
    writeFileSync(`${list}.new`, '');
    renameSync(`${list}.new`, list);
    const now = await devices.watch('259:2', () => {
      fresh++;
    });
    writeFileSync(list, '2056 1\n');
    await until(() => fresh > 0);
    if (gone.supported) gone.watch.close();
    if (now.supported) now.watch.close();
  });

  it('not where there is none, and the reason is said', async () => {
    expect(await machine().devices.watch('0:43', () => undefined)).toMatchObject({
      supported: false,
      reason: expect.stringContaining('anonymous') as string,
    });
    expect(await machine('\n').devices.watch('259:2', () => undefined)).toMatchObject({ supported: false });
  });

  it('once for any number of files, without a timer, and without keeping the process alive', () => {
    const { list } = machine();
    const folder = path.dirname(list);
    const source = readFileSync(fileURLToPath(new URL('../src/device-watch.ts', import.meta.url)), 'utf8');
    writeFileSync(
      path.join(folder, 'device-watch.mjs'),
      ts.transpileModule(source, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
      }).outputText,
    );
    writeFileSync(
      path.join(folder, 'main.mjs'),
      `
      import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
      import { watchFile } from './device-watch.mjs';
      for (let i = 0; i < 1000; i++) {
        if (!watchFile(${JSON.stringify(list)}, () => {}).supported) throw new Error('refused');
      }
      const isInotify = (fd) => {
        try { return readlinkSync('/proc/self/fd/' + fd).includes('inotify'); } catch { return false; }
      };
      const [fd] = readdirSync('/proc/self/fd').filter(isInotify);
      const lines = readFileSync('/proc/self/fdinfo/' + fd, 'utf8').split('\\n');
      const timers = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout');
      const watches = lines.filter((line) => line.startsWith('inotify wd'));
      // As text: Node 26 colours numbers.
      console.log(watches.length + ' ' + timers.length);`,
    );
    const { stdout, stderr, status } = spawnSync(process.execPath, [path.join(folder, 'main.mjs')], {
      encoding: 'utf8',
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: '1 0\n', stderr: '', status: 0 });
  });
});

it('has no table of what is no device-mapper device', () => {
  const binding = loadBinding();
  const table = binding.deviceTable(1, 3);
  expect('failure' in table ? table.failure.errno : 0).toBeGreaterThan(0);
  expect(() => binding.deviceTable(-1, 0)).toThrow(RangeError);
  expect(() => binding.deviceTable('253' as unknown as number, 0)).toThrow(TypeError);
});
