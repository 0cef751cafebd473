import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { BlockDevice } from '../src/block-device.js';
import type { TableOf } from '../src/device-mapper.js';
import { scratchFolder } from './scratch.js';

/** A sysfs tree: `files` below /sys, and the links of /sys/dev/block. */
function sysfs(files: Record<string, string>, devices: Record<string, string>): string {
  const root = scratchFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.join(root, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  mkdirSync(path.join(root, 'dev', 'block'), { recursive: true });
  for (const [device, folder] of Object.entries(devices)) {
    mkdirSync(path.join(root, folder), { recursive: true });
    symlinkSync(path.join('..', '..', folder), path.join(root, 'dev', 'block', device));
  }
  return root;
}

const e820 = 'devices/platform/e820_pmem/ndbus0/region0/namespace0.0/block/pmem0';

/** What the kernel tells root of a device-mapper device. */
function readableTable(lines: readonly string[]): TableOf {
  const targets = lines.map((line) => {
    const [firstSector, sectors, type = '', ...parameters] = line.split(' ');
    return { firstSector: Number(firstSector), sectors: Number(sectors), type, parameters: parameters.join(' ') };
  });
  return (major, minor) => (major === 253 && minor === 0 ? { targets } : { failure: { errno: 6, syscall: 'ioctl' } });
}

function badBlocks(list: string): Promise<unknown> {
  return new BlockDevice('259:0', { sysfsRoot: sysfs({ [`${e820}/badblocks`]: list }, { '259:0': e820 }) }).badBlocks();
}

it('lists the bad blocks of a whole disk in bytes, joined and in order', async () => {
  expect(await badBlocks('8 1\n100 8\n108 2\n')).toEqual({
    supported: true,
    ranges: [{ offset: 4096, length: 512 }, { offset: 51_200, length: 5120 }],
  });
});

it('takes an empty list for a healthy device', async () => {
  expect(await badBlocks('')).toEqual({ supported: true, ranges: [] });
});

it('counts a partition’s bad blocks from its own start and leaves those of its neighbours out', async () => {
  const partition = `${e820}/pmem0p2`;
  const root = sysfs(
    {
      [`${e820}/badblocks`]: '10 4\n2046 4\n4000 1\n6143 3\n9000 1\n',
      [`${partition}/partition`]: '2\n',
      [`${partition}/start`]: '2048\n',
      [`${partition}/size`]: '4096\n',
    },
    { '259:0': e820, '259:2': partition },
  );
  expect(await new BlockDevice('259:2', { sysfsRoot: root }).badBlocks()).toEqual({
    supported: true,
    ranges: [
      { offset: 0, length: 2 * 512 },
      { offset: (4000 - 2048) * 512, length: 512 },
      { offset: (6143 - 2048) * 512, length: 512 },
    ],
  });
});

it('cannot tell for a partition whose place is unknown', async () => {
  const partition = `${e820}/pmem0p1`;
  const root = sysfs({ [`${e820}/badblocks`]: '', [`${partition}/partition`]: '1\n' }, { '259:1': partition });
  expect(await new BlockDevice('259:1', { sysfsRoot: root }).badBlocks()).toMatchObject({
    supported: false,
    reason: expect.stringContaining('pmem0p1') as string,
  });
});

it.each([
  ['a line of words', 'bad block\n'],
  ['a third column', '1 2 3\n'],
  ['a negative sector', '-1 2\n'],
  ['a count of nothing', '5 0\n'],
  ['a line that is cut', '1 2\n3 4'],
  ['an empty line', '1 2\n\n3 4\n'],
  ['a sector beyond 2^53 bytes', '18014398509481984 1\n'],
])('does not guess at %s', async (_, list) => {
  expect(await badBlocks(list)).toMatchObject({ supported: false, reason: expect.stringContaining('malformed') as string });
});

it('says that a list is cut off where sysfs shows no more than a page', async () => {
  const line = '123456 8\n';
  for (const pageBytes of [4096, 16_384, 65_536]) {
    const cut = line.repeat(8000).slice(0, pageBytes - 1);
    const refused = { supported: false, reason: expect.stringContaining('longer') as string };
    expect(await badBlocks(cut)).toMatchObject(refused);
    const sysfsRoot = sysfs({ 'devices/nd/block/pmem0/badblocks': cut }, { '259:0': 'devices/nd/block/pmem0' });
    expect(await new BlockDevice('259:0', { sysfsRoot, pageBytes }).badBlocks()).toMatchObject(refused);
  }
  expect(await badBlocks(line.repeat(450))).toMatchObject({ supported: true });
});

it('takes a list of more than 4096 bytes where pages are larger', async () => {
  expect(await badBlocks('123456 8\n'.repeat(1000))).toMatchObject({ supported: true });
});

it.each([
  ['a disk without a list', '8:0', /keeps no bad-block list/],
  ['a disk whose driver keeps none (the attribute is one newline)', '8:16', /keeps no bad-block list/],
  ['a device-mapper device', '253:0', /device-mapper/],
  ['an anonymous device', '0:42', /anonymous/],
  ['a device that sysfs does not know', '9:9', /not in/],
])('cannot tell for %s, and says so', async (_, device, reason) => {
  const root = sysfs(
    { 'devices/pci/block/sda/size': '8\n', 'devices/pci/block/sdb/badblocks': '\n', 'devices/virtual/block/dm-0/dm/name': 'x\n' },
    { '8:0': 'devices/pci/block/sda', '8:16': 'devices/pci/block/sdb', '253:0': 'devices/virtual/block/dm-0' },
  );
  expect(await new BlockDevice(device, { sysfsRoot: root }).badBlocks()).toEqual({
    supported: false,
    reason: expect.stringMatching(reason) as string,
  });
});

it('gives the reason where the list cannot be read', async () => {
  const root = sysfs({ [`${e820}/badblocks/is`]: 'a folder' }, { '259:0': e820 });
  expect(await new BlockDevice('259:0', { sysfsRoot: root }).badBlocks()).toMatchObject({
    supported: false,
    reason: expect.stringContaining('EISDIR') as string,
  });
});

it('finds the bus above a disk and above its partition', async () => {
  const nfit = 'devices/LNXSYSTM:00/ACPI0012:00/ndbus1/region0/namespace0.0/block/pmem1';
  const root = sysfs(
    {
      'devices/platform/e820_pmem/ndbus0/provider': 'e820\n',
      'devices/platform/e820_pmem/ndbus0/commands': '\n',
      'devices/LNXSYSTM:00/ACPI0012:00/ndbus1/provider': 'ACPI.NFIT\n',
      'devices/LNXSYSTM:00/ACPI0012:00/ndbus1/commands': 'ars_cap ars_start ars_status clear_error \n',
      'devices/pci/block/sda/size': '8\n',
    },
    { '259:0': e820, '259:1': `${nfit}/pmem1p1`, '8:0': 'devices/pci/block/sda' },
  );
  const bus = (device: string): Promise<unknown> => new BlockDevice(device, { sysfsRoot: root }).bus();
  expect(await bus('259:0')).toEqual({ provider: 'e820', commands: [] });
  expect(await bus('259:1')).toEqual({
    provider: 'ACPI.NFIT',
    commands: ['ars_cap', 'ars_start', 'ars_status', 'clear_error'],
  });
  expect(await bus('8:0')).toBeUndefined();
  expect(await bus('0:5')).toBeUndefined();
});

it('knows no bus where its attributes are missing', async () => {
  const root = sysfs({ 'devices/platform/e820_pmem/ndbus0/provider': 'e820\n' }, { '259:0': e820 });
  chmodSync(path.join(root, 'devices/platform/e820_pmem/ndbus0/provider'), 0o444);
  expect(await new BlockDevice('259:0', { sysfsRoot: root }).bus()).toBeUndefined();
});

describe('a device-mapper device', () => {
  const dm = 'devices/virtual/block/dm-0';
  const nfit = 'devices/platform/ACPI0012:00/ndbus0/region0/namespace0.0/block/pmem1';
  const busOf = (folder: string, provider: string) => {
    const at = folder.slice(0, folder.indexOf('/region0'));
    return { [`${at}/provider`]: `${provider}\n`, [`${at}/commands`]: '\n' };
  };

  /** dm-0 over pmem0, and over pmem1 too if that has a list. A table is lines of `dmsetup table`. */
  function mapped(first: string, second?: string, table?: readonly string[]): BlockDevice {
    const below = second === undefined ? ['pmem0'] : ['pmem0', 'pmem1'];
    const slaves = below.map((name, i) => [`${dm}/slaves/${name}/dev`, `259:${i}\n`] as const);
    const files = {
      [`${dm}/dm/name`]: 'log\n',
      [`${dm}/badblocks`]: '\n',
      ...Object.fromEntries(slaves),
      [`${e820}/badblocks`]: first,
      ...busOf(e820, 'e820'),
      ...(second === undefined ? {} : { [`${nfit}/badblocks`]: second, ...busOf(nfit, 'ACPI.NFIT') }),
    };
    const sysfsRoot = sysfs(files, { '253:0': dm, '259:0': e820, '259:1': nfit });
    return new BlockDevice('253:0', { sysfsRoot, tableOf: table === undefined ? undefined : readableTable(table) });
  }

  it('lists nothing if no device below it does', async () => {
    expect(await mapped('').badBlocks()).toEqual({ supported: true, ranges: [] });
    expect(await mapped('', '').badBlocks()).toEqual({ supported: true, ranges: [] });
  });

  it('cannot tell what it is here that a device below it lists', async () => {
    for (const device of [mapped('8 1\n'), mapped('8 1\n', '')]) {
      const reason = expect.stringMatching(/^below the device-mapper device 253:0, 259:0 lists bad blocks/) as string;
      expect(await device.badBlocks()).toEqual({ supported: false, reason });
    }
    const reason = expect.stringContaining(' 259:1 lists bad blocks') as string;
    expect(await mapped('', '8 1\n').badBlocks()).toEqual({ supported: false, reason });
  });

  it('cannot tell if a device below it cannot', async () => {
    const reason = expect.stringContaining('253:0, pmem1 keeps no bad-block list') as string;
    expect(await mapped('', '\n').badBlocks()).toEqual({ supported: false, reason });
  });

  it('lists in its own bytes what the devices below a linear one list, where its table can be read', async () => {
    // 1000 sectors of pmem0 from its sector 2048 on, then 500 of pmem1 from its sector 0 on, then pmem0 again.
    const table = ['0 1000 linear 259:0 2048', '1000 500 linear 259:1 0', '1500 100 linear 259:0 100'];
    const first = '90 20\n1000 8\n2040 16\n3047 10\n';
    expect(await mapped(first, '499 2\n', table).badBlocks()).toEqual({
      supported: true,
      ranges: [
        { offset: 0, length: 8 * 512 },
        { offset: 999 * 512, length: 512 },
        { offset: 1499 * 512, length: 11 * 512 },
      ],
    });
    const elsewhere = mapped('1 1\n', undefined, ['0 8 linear 259:0 8']);
    expect(await elsewhere.badBlocks()).toEqual({ supported: true, ranges: [] });
  });

  it.each([
    [
      'a target that is not linear lies on them',
      ['0 8 linear 259:0 0', '8 8 striped 2 8 259:0 8 259:1 0'],
      /target striped is not one/,
    ],
    ['a target names a device that sysfs does not', ['0 8 linear 259:7 0'], /has the parameters '259:7 0'/],
    ['a target has other parameters', ['0 8 linear 259:0'], /has the parameters '259:0'/],
  ])('cannot tell what these are here if %s', async (_, table, reason) => {
    const found = await mapped('8 1\n', '', table).badBlocks();
    expect(found).toEqual({ supported: false, reason: expect.stringMatching(reason) as string });
  });

  it('does not mind a target of another kind on a device that lists nothing', async () => {
    const table = ['0 8 linear 259:0 8', '8 8 striped 1 8 259:1 0', '16 8 error '];
    const found = await mapped('9 1\n', '', table).badBlocks();
    expect(found).toEqual({ supported: true, ranges: [{ offset: 512, length: 512 }] });
  });

  it('says why its table cannot be read', async () => {
    const failing = (errno: number) => () => ({ failure: { errno, syscall: 'ioctl' } });
    const reasonFor = async (errno: number): Promise<unknown> => {
      const sysfsRoot = sysfs(
        { [`${dm}/dm/name`]: 'log\n', [`${dm}/slaves/pmem0/dev`]: '259:0\n', [`${e820}/badblocks`]: '8 1\n' },
        { '253:0': dm, '259:0': e820 },
      );
      return new BlockDevice('253:0', { sysfsRoot, tableOf: failing(errno) }).badBlocks();
    };
    const because = (reason: RegExp) => ({ supported: false, reason: expect.stringMatching(reason) as string });
    expect(await reasonFor(13)).toMatchObject(because(/only root can ask/));
    expect(await reasonFor(6)).toMatchObject(because(/its table cannot be read: ENXIO/));
  });

  it('hangs on the bus that all devices below it hang on', async () => {
    expect(await mapped('').bus()).toEqual({ provider: 'e820', commands: [] });
    expect(await mapped('', '').bus()).toBeUndefined();
  });
});
