/** Calls that Node does not have, made by the program xfs_io, which works on every filesystem. */
import { spawnSync } from 'node:child_process';
import { Errno } from '@safe-pmem/core';

/** The C library's words for the errno values that these calls can end with. */
const errnoOfMessage = new Map<string, number>([
  ['Input/output error', Errno.EIO],
  ['Bad address', Errno.EFAULT],
  ['Invalid argument', Errno.EINVAL],
  ['No space left on device', Errno.ENOSPC],
  ['Operation not supported', Errno.EOPNOTSUPP],
  ['Memory page has hardware error', Errno.EHWPOISON],
  ['Text file busy', Errno.ETXTBSY],
]);

/** errno of one xfs_io command on a file, 0 for success. Throws where the program says something else. */
export function xfsIo(file: string, command: string, options: readonly string[] = []): number {
  const done = spawnSync('xfs_io', [...options, '-c', command, file], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  if (done.error !== undefined) throw done.error;
  const complaint = done.stderr.trim();
  if (complaint === '' && done.status === 0) return 0;
  const errno = errnoOfMessage.get(complaint.slice(complaint.lastIndexOf(': ') + 2));
  if (errno === undefined) throw new Error(`xfs_io -c '${command}' ${file} ended with ${done.status ?? -1}: ${complaint}`);
  return errno;
}
