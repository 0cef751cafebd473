import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { expect, it } from 'vitest';
import { nativeDriver } from '../src/index.js';
import { whatDevice } from '../src/what-device.js';
import { scratchFolder } from './scratch.js';

/** A block device's name: one of this machine, or one that root makes. */
function blockDevice(): string {
  const names = readdirSync('/dev').map((name) => path.join('/dev', name));
  const found = names.find((name) => statSync(name, { throwIfNoEntry: false })?.isBlockDevice());
  if (found !== undefined) return found;
  const made = path.join(scratchFolder(), 'device');
  execFileSync('mknod', [made, 'b', '7', '0']);
  return made;
}

/** sysfs, where /dev/null is a device of `subsystem`. */
function sysfs(subsystem: string): string {
  const root = scratchFolder();
  mkdirSync(path.join(root, subsystem), { recursive: true });
  mkdirSync(path.join(root, 'dev', 'char', '1:3'), { recursive: true });
  symlinkSync(path.join(root, subsystem), path.join(root, 'dev', 'char', '1:3', 'subsystem'));
  return root;
}

it('knows block devices, device-dax of both kinds of kernel, and other character devices', async () => {
  expect(await whatDevice(blockDevice())).toBe('block');
  expect(await whatDevice('/dev/null', sysfs('bus/dax'))).toBe('device-dax');
  expect(await whatDevice('/dev/null', sysfs('class/dax'))).toBe('device-dax');
  expect(await whatDevice('/dev/null', sysfs('class/mem'))).toBe('character');
  expect(await whatDevice('/dev/null')).toBe('character');
});

it('says nothing of what is no device, or is not there', async () => {
  expect(await whatDevice(scratchFolder())).toBeUndefined();
  expect(await whatDevice('/nowhere')).toBeUndefined();
});

it('open() says what to open in place of a block device', async () => {
  const opened = PmemFile.open(blockDevice(), { driver: nativeDriver(), readOnly: true });
  await expect(opened).rejects.toMatchObject({
    code: 'ERR_PMEM_NOT_A_FILE',
    message: expect.stringMatching(/not a regular file but a block device: .*-o dax, and open a file in it/) as string,
  });
});

it('open() of a character device says what it is', async () => {
  const opened = PmemFile.open('/dev/null', { driver: nativeDriver() });
  await expect(opened).rejects.toMatchObject({
    code: 'ERR_PMEM_NOT_A_FILE', message: expect.stringContaining('but a character device') as string,
  });
});
