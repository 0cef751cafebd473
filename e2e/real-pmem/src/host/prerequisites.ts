/** The host's programs that the runner and the guest use. Missing ones are installed where that is possible. */
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';
import type { Architecture } from './architecture.js';
import { capture, CommandError } from './command.js';
import type { Progress } from './progress.js';
import { SetupError } from './setup-error.js';

export interface Prerequisite {
  readonly program: string;
  readonly debianPackage: string;
}

const prerequisites: readonly Prerequisite[] = [
  { program: 'qemu-system-x86_64', debianPackage: 'qemu-system-x86' },
  { program: 'busybox', debianPackage: 'busybox-static' },
  { program: 'modprobe', debianPackage: 'kmod' },
  { program: 'depmod', debianPackage: 'kmod' },
  { program: 'cpio', debianPackage: 'cpio' },
  { program: 'xz', debianPackage: 'xz-utils' },
  { program: 'mke2fs', debianPackage: 'e2fsprogs' },
  { program: 'mkfs.xfs', debianPackage: 'xfsprogs' },
  { program: 'xfs_io', debianPackage: 'xfsprogs' },
  { program: 'ndctl', debianPackage: 'ndctl' },
  { program: 'dmsetup', debianPackage: 'dmsetup' },
  { program: 'nats-server', debianPackage: 'nats-server' },
  { program: 'strace', debianPackage: 'strace' },
  { program: 'python3', debianPackage: 'python3' },
];

/** What an arm64 machine needs besides. */
const armPrerequisites: readonly Prerequisite[] = [
  { program: 'qemu-system-aarch64', debianPackage: 'qemu-system-arm' },
  { program: 'fdtput', debianPackage: 'device-tree-compiler' },
  { program: '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd', debianPackage: 'qemu-efi-aarch64' },
];

/** Programs of the job `filesystems`. */
const filesystemPrerequisites: readonly Prerequisite[] = [
  { program: 'exportfs', debianPackage: 'nfs-kernel-server' },
  { program: 'rpc.nfsd', debianPackage: 'nfs-kernel-server' },
  { program: 'mount.nfs', debianPackage: 'nfs-common' },
  { program: 'rpcbind', debianPackage: 'rpcbind' },
  { program: 'mkfs.vfat', debianPackage: 'dosfstools' },
  { program: 'mkfs.exfat', debianPackage: 'exfatprogs' },
  { program: 'mkfs.f2fs', debianPackage: 'f2fs-tools' },
];

/** Full path of a program; administrators' directories are searched though a user's PATH may lack them. */
export function findProgram(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  return directories
    .filter((directory) => path.isAbsolute(directory))
    .map((directory) => path.join(directory, name))
    .find((candidate) => isExecutable(candidate));
}

export function programPath(name: string): string {
  const found = findProgram(name);
  if (found === undefined) throw new SetupError(`the program ${name} is missing`);
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Rejects with SetupError, naming the packages and the command, where something is missing and stays missing. */
export async function ensurePrerequisites(
  progress: Progress,
  architectures: readonly Architecture[] = ['x64'],
  forFilesystems = false,
): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(`the guest runs this machine's own node: it needs Linux on x64, not ${process.platform} on ${process.arch}`);
  }
  const forArm = architectures.includes('arm64') ? armPrerequisites : [];
  await ensurePrograms([...prerequisites, ...forArm, ...(forFilesystems ? filesystemPrerequisites : [])], progress);
}

/** The same for any list of programs. */
export async function ensurePrograms(programs: readonly Prerequisite[], progress: Progress): Promise<void> {
  const missing = missingPackages(programs);
  if (missing.length > 0) await install(missing, progress);
  const still = missingPackages(programs);
  if (still.length > 0) throw new SetupError(`still missing after installation: ${still.join(', ')}`);
}

/** A name with a slash is a file that has to be there, a header for example. */
function missingPackages(programs: readonly Prerequisite[]): string[] {
  const missing = programs.filter(({ program }) => (program.includes('/') ? !existsSync(program) : findProgram(program) === undefined));
  return [...new Set(missing.map(({ debianPackage }) => debianPackage))];
}

async function install(packages: readonly string[], progress: Progress): Promise<void> {
  const command = `apt-get update && apt-get install --yes --no-install-recommends ${packages.join(' ')}`;
  const list = packages.join(', ');
  if (findProgram('apt-get') === undefined) {
    throw new SetupError(`missing packages: ${list}; this machine has no apt-get`, 'install the same programs with its own package manager');
  }
  if (process.getuid?.() !== 0) throw new SetupError(`missing packages: ${list}; installing them needs root`, `sudo sh -c '${command}'`);
  progress.step(`installing ${list}`);
  try {
    await capture('/bin/sh', ['-c', command], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    throw new SetupError(`cannot install ${list}:\n${cause.output.slice(-1500)}`, command, cause);
  }
}
