// What the torture run needs of the machine. Where something is missing it says so and fails: nothing is skipped.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { hasTmpfs } from './places/tmpfs.mjs';

const ROOT = path.resolve(import.meta.dirname, '../..');
const TOOLS = {
  gcc: 'gcc',
  mkfifo: 'coreutils',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  xfs_io: 'xfsprogs',
  'mkfs.btrfs': 'btrfs-progs',
  mergerfs: 'mergerfs',
  losetup: 'mount',
  unshare: 'util-linux',
  prlimit: 'util-linux',
  python3: 'python3',
  'nats-server': 'nats-server',
};
const BUILT = [
  'core/dist/index.js',
  'native/dist/index.js',
  'examples/dist/pages/index.js',
  'native/build/Release/fault_injector.node',
];

/** What is missing, in words; empty if everything can run. */
export function missing() {
  if (process.getuid?.() !== 0)
    return ['it has to be root: it mounts filesystems in image files, and one over /dev/fuse'];
  const absent = Object.entries(TOOLS).filter(([tool]) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  const found = absent.map(([tool, from]) => `no ${tool}: apt-get install ${from}`);
  for (const device of ['/dev/loop-control', '/dev/fuse']) {
    try {
      accessSync(device, constants.W_OK);
    } catch {
      found.push(`no ${device}`);
    }
  }
  if (!hasTmpfs()) found.push('no tmpfs at /dev/shm');
  for (const file of BUILT)
    if (!existsSync(path.join(ROOT, 'packages', file))) found.push(`packages/${file} is not built: npm run build`);
  return found;
}

/** In a mount namespace of its own, what is mounted goes with the process, however that ends. */
export function inOwnNamespace() {
  const args = ['--mount', '--propagation', 'private', '--', process.execPath, ...process.argv.slice(1)];
  const { status, error } = spawnSync('unshare', args, {
    stdio: 'inherit',
    env: { ...process.env, SAFE_PMEM_NAMESPACE: '1' },
  });
  if (error !== undefined) console.error(`unshare: ${error.message}`);
  process.exit(status ?? 1);
}
