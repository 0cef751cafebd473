import { describe, expect, it } from 'vitest';
import { clearAbility, listingAbility } from '../src/opening/file-info.js';
import { Errno } from '../src/index.js';
import { systemError } from '../src/errors/system-error.js';
import { facts } from './scripted-file.js';

const on = (provider: string, ...commands: string[]) => ({ ...facts, bus: { provider, commands } });

describe('what the bus says', () => {
  it.each([
    ['e820', on('e820'), 'yes', 'no'],
    ['virtio-pmem', on('virtio-pmem'), 'yes', 'no'],
    ['an NVDIMM whose firmware clears', on('ACPI.NFIT', 'ars_cap', 'clear_error'), 'yes', 'yes'],
    ['an NVDIMM whose firmware does not', on('ACPI.NFIT', 'ars_cap'), 'no', 'yes'],
    ['CXL, whatever commands it has', on('CXL', 'clear_error'), 'no', 'no'],
    ['a bus that nobody knows', on('of_pmem'), 'unknown', 'unknown'],
    ['no bus', { ...facts, bus: undefined }, 'unknown', 'unknown'],
  ])('%s', (_, of, clears, lists) => {
    expect([clearAbility(of), listingAbility(of)]).toEqual([clears, lists]);
  });
});

describe('open() of a device', () => {
  it.each([
    ['block', /but a block device: .*mount that with -o dax, and open a file in it/],
    ['device-dax', /but a device-dax device: .*--mode=fsdax .*and open a file in it/],
    ['character', /but a character device: '/],
    [undefined, /it is not a regular file: '/],
  ] as const)('%s', (device, message) => {
    const error = systemError('cannot open', { errno: Errno.ENXIO, syscall: 'open', device }, { path: '/dev/x' });
    expect([error.code, error.message]).toEqual(['ERR_PMEM_NOT_A_FILE', expect.stringMatching(message)]);
  });
});
