import { expect, it } from 'vitest';
import { Errno } from '../src/index.js';
import { systemError } from '../src/errors/system-error.js';

const details = { path: '/mnt/9p/file' };
const codeOf = (errno: number, syscall: string): string => systemError('cannot open', { errno, syscall }, details).code;

it('a filesystem that cannot share a mapping is not supported, whichever of its two errnos it gives', () => {
  expect(codeOf(Errno.ENODEV, 'mmap')).toBe('ERR_PMEM_NOT_SUPPORTED');
  expect(codeOf(Errno.EINVAL, 'mmap')).toBe('ERR_PMEM_NOT_SUPPORTED');
  const { message, cause } = systemError('cannot open', { errno: Errno.EINVAL, syscall: 'mmap' }, details);
  expect(message).toMatch(/as it is mounted, cannot map files/);
  expect(cause).toMatchObject({ code: 'EINVAL', syscall: 'mmap' });
});

it('EINVAL of another call says nothing of mappings', () => {
  expect(codeOf(Errno.EINVAL, 'open')).toBe('ERR_PMEM_IO');
});
