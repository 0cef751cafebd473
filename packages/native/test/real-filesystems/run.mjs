// npm run test:filesystems: healthy and unhealthy storage on real ext4, XFS and btrfs, loop-mounted: full, over quota,
// copy-on-write, shut down, remounted by an error, a device that does not give a block. Needs root, loop devices and the tools
// below. Where something is missing it says so and fails: nothing is skipped. `-- NAME …` runs those whose name contains NAME.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { scenarios } from './scenarios.mjs';

const TOOLS = {
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  'xfs_io': 'xfsprogs',
  'mkfs.btrfs': 'btrfs-progs',
  'btrfs': 'btrfs-progs',
  'setquota': 'quota',
  'chattr': 'e2fsprogs',
  'filefrag': 'e2fsprogs',
  'losetup': 'mount',
  'unshare': 'util-linux',
};

/** What is missing, in words; empty if all scenarios can run. */
function missing() {
  if (process.getuid?.() !== 0) return ['it has to be root, to mount'];
  const absent = Object.entries(TOOLS).filter(([tool]) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  const found = absent.map(([tool, from]) => `no ${tool}: apt-get install ${from}`);
  try {
    accessSync('/dev/loop-control', constants.W_OK);
  } catch {
    found.push('no loop devices: /dev/loop-control');
  }
  return found;
}

/** In a mount namespace of its own, what is mounted goes with the process, however that ends. */
function inOwnNamespace() {
  const args = ['--mount', '--propagation', 'private', '--', process.execPath, ...process.argv.slice(1)];
  const { status, error } = spawnSync('unshare', args, { stdio: 'inherit', env: { ...process.env, SAFE_PMEM_NAMESPACE: '1' } });
  if (error !== undefined) console.error(`unshare: ${error.message}`);
  process.exit(status ?? 1);
}

const problems = missing();
if (problems.length > 0) {
  console.error(`test:filesystems cannot run here:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  process.exit(2);
}
if (process.env.SAFE_PMEM_NAMESPACE === undefined) inOwnNamespace();

const asked = process.argv.slice(2);
const chosen = Object.entries(scenarios).filter(([name]) => asked.length === 0 || asked.some((text) => name.includes(text)));
let failed = chosen.length === 0 ? 1 : 0;
if (chosen.length === 0) console.error(`no scenario is called ${asked.join(', ')}`);
for (const [name, scenario] of chosen) {
  const folder = mkdtempSync('/var/tmp/safe-pmem-filesystems-');
  try {
    await scenario(folder);
    console.log(`ok     ${name}`);
  } catch (error) {
    failed++;
    console.error(`FAILED ${name}\n${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    spawnSync('umount', ['-l', path.join(folder, 'mounted')]);
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(`${chosen.length - failed} of ${chosen.length} scenarios`);
process.exit(failed === 0 ? 0 : 1);
