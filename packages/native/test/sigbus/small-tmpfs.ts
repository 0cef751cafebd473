/**
 * A command prefix that runs a program with a small tmpfs of its own, which no other process sees and which needs no
 * clean-up.
 */
import { spawnSync } from 'node:child_process';
import { PAGE } from '../page-bytes.mjs';

/** Bytes of the tmpfs that `smallTmpfs` mounts. */
const SMALL_TMPFS_BYTES = 64 * PAGE;

const MOUNT_AND_RUN = 'mount -t tmpfs -o "size=$1,mode=0777" safe-pmem "$2" && shift 2 && exec "$@"';

/**
 * The wrapper mounts the tmpfs over `directory`. As root in a private mount namespace, otherwise in a user namespace
 * besides. Throws if the machine allows neither: a test that cannot run is a test that fails.
 */
export function smallTmpfs(directory: string): string[] {
  const namespaces = process.getuid?.() === 0 ? ['--mount'] : ['--map-root-user', '--mount'];
  const wrapper = ['unshare', ...namespaces, '--', 'sh', '-c', MOUNT_AND_RUN, 'sh', String(SMALL_TMPFS_BYTES), directory];
  const [command = '', ...args] = wrapper;
  const { error, status, stderr } = spawnSync(command, [...args, 'true'], { encoding: 'utf8' });
  if (status === 0) return wrapper;
  throw new Error(
    'this test mounts a small tmpfs in a namespace of its own; it needs unshare and mount (util-linux) and either root with ' +
      `CAP_SYS_ADMIN or unprivileged user namespaces. Here: ${error?.message ?? stderr}`,
  );
}
