/** A file that is cut off and a disk that is full, as an application's test makes them. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { expect, it, onTestFinished } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { cutFile, poisonableDriver, scratchFolder, smallFilesystem } from '../../src/testing/index.js';
import { scratchFolder as folderOnDisk } from '../scratch.js';

it('a file that is cut off behind the back of its owner', async () => {
  const scratch = scratchFolder();
  onTestFinished(() => { scratch.remove(); });
  const file = await PmemFile.open(scratch.file('cut'), { driver: nativeDriver(), create: true, size: 65536 });
  cutFile(file.path, 4096);
  expect(() => file.readUInt8(8192)).toThrow(expect.objectContaining({ code: 'ERR_PMEM_TRUNCATED' }));
  expect(file.readUInt8(4095)).toBe(0);
  for (const sizeBytes of [4096, 65536, -1, 0.5]) expect(() => { cutFile(file.path, sizeBytes); }).toThrow(RangeError);
  await file.close();
});

it('a disk without space, and with space again', async () => {
  const disk = smallFilesystem({ sizeBytes: 256 * 1024 });
  const file = await PmemFile.open(disk.file('db'), { driver: nativeDriver(), create: true, size: 65536 });
  disk.fill();
  expect(() => { file.write(Uint8Array.of(1), 0); }).toThrow(expect.objectContaining({ code: 'ERR_PMEM_NO_SPACE' }));
  disk.free();
  file.write(Uint8Array.of(1), 0);
  await file.close();
  disk.remove();
  expect(existsSync(disk.path)).toBe(false);
});

it('says what mounting takes where it is not allowed, and leaves nothing', () => {
  const testing = path.resolve(import.meta.dirname, '..', '..', 'dist', 'testing.js');
  const report = '.catch((error) => console.log(error.code, error.message))';
  const program = `import(${JSON.stringify(testing)}).then((testing) => testing.smallFilesystem())${report}`;
  const folder = folderOnDisk('tmpfs');
  const { stdout } = spawnSync('setpriv', ['--bounding-set=-sys_admin', process.execPath, '-e', program], {
    encoding: 'utf8', env: { ...process.env, TMPDIR: folder },
  });
  expect(stdout).toMatch(/^ERR_PMEM_NOT_SUPPORTED .*unshare --user --map-root-user --mount/);
});

it('a file that is not on tmpfs is not poisoned: the error says what it takes', async () => {
  const driver = poisonableDriver(nativeDriver());
  const target = path.join(folderOnDisk(), 'file');
  writeFileSync(target, Buffer.alloc(8192, 1));
  const file = await PmemFile.open(target, { driver });
  expect(() => driver.poison(target, { offset: 0, length: 1 })).toThrow(
    expect.objectContaining({
      code: 'ERR_PMEM_NOT_SUPPORTED',
      message: expect.stringMatching(/EINVAL.*tmpfs/) as string,
    }),
  );
  expect(file.readUInt8(0)).toBe(1);
  await file.close();
});
