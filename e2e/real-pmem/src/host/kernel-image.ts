/** An unpacked stock kernel in the cache: boot image and the modules that a guest can need. Never installed. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseKernelName } from './architecture.js';
import type { BootableKernel } from './bootable-kernel.js';
import { capture, capturePipeline } from './command.js';
import type { DebianArchive } from './debian-archive.js';
import { zeroinitName } from './matrix.js';
import { programPath } from './prerequisites.js';
import type { Progress } from './progress.js';
import { SetupError } from './setup-error.js';
import { zeroinitKernel } from './zeroinit-kernel.js';

interface Manifest {
  readonly release: string;
  /** What was unpacked of the module tree. */
  readonly directories?: readonly string[];
}

/** Directories of the module tree that are unpacked; the rest is hundreds of megabytes. */
const wantedDirectories = [
  'fs', 'lib', 'crypto', 'arch', 'net/9p',
  'drivers/nvdimm', 'drivers/dax', 'drivers/acpi', 'drivers/virtio', 'drivers/char', 'drivers/md',
];

/** Directories of network filesystems and of loop devices, which one job needs. */
export const filesystemDirectories: readonly string[] = ['net/sunrpc', 'net/dns_resolver', 'drivers/block'];

/**
 * The cached kernel of a name such as `6.12` or `6.12-arm64` (or the one with our patches, built here), downloaded and
 * unpacked first if there is none, if the one there lacks modules that are wanted now, or if `refresh` asks for it.
 */
export async function kernelImage(
  series: string,
  options: {
    tree: string; cacheDirectory: string; refresh: boolean; archive: DebianArchive; progress: Progress;
    directories?: readonly string[];
  },
): Promise<BootableKernel> {
  if (series === zeroinitName) return zeroinitKernel(options);
  const root = path.join(options.cacheDirectory, 'kernels', series);
  const directories = [...wantedDirectories, ...(options.directories ?? [])];
  if (options.refresh || !(await isWhole(root, directories))) await unpack(series, root, { ...options, directories });
  const manifest = await manifestIn(root);
  return { series, release: manifest.release, bootImage: path.join(root, 'vmlinuz'), root };
}

async function manifestIn(root: string): Promise<Manifest> {
  return JSON.parse(await readFile(path.join(root, 'manifest.json'), 'utf8')) as Manifest;
}

async function isWhole(root: string, wanted: readonly string[]): Promise<boolean> {
  if (!existsSync(path.join(root, 'manifest.json'))) return false;
  const { directories = [] } = await manifestIn(root);
  return wanted.every((directory) => directories.includes(directory));
}

async function unpack(
  series: string, root: string, options: { archive: DebianArchive; progress: Progress; directories: readonly string[] },
): Promise<void> {
  await mkdir(path.dirname(root), { recursive: true });
  // Renamed into place when it is whole, so an interrupted run leaves no half kernel.
  const scratch = await mkdtemp(`${root}.`);
  try {
    const name = parseKernelName(series);
    if (name === undefined) throw new SetupError(`there is no kernel of the name ${series}`);
    const packages = await options.archive.downloadKernel(name, scratch);
    options.progress.step(`unpacking ${packages.map((file) => path.basename(file)).join(' ')}`);
    for (const file of packages) {
      const wanted = await members(file, options.directories);
      await capturePipeline('dpkg-deb --fsys-tarfile "$1" | tar --extract --directory "$2" "${@:3}"', [file, scratch, ...wanted]);
      await rm(file);
    }
    const usrMerged = path.join(scratch, 'usr', 'lib');
    if (existsSync(usrMerged)) await rename(usrMerged, path.join(scratch, 'lib'));
    const release = (await listed(path.join(scratch, 'lib', 'modules')))[0];
    const bootImage = await findBootImage(scratch, release);
    if (release === undefined || bootImage === undefined) throw new SetupError(`the packages of Linux ${series} hold no boot image and modules`);
    await rename(bootImage, path.join(scratch, 'vmlinuz'));
    for (const left of ['boot', 'usr']) await rm(path.join(scratch, left), { recursive: true, force: true });
    await capture(programPath('depmod'), ['--basedir', scratch, release]);
    const manifest: Manifest = { release, directories: options.directories };
    await writeFile(path.join(scratch, 'manifest.json'), JSON.stringify(manifest));
    await rm(root, { recursive: true, force: true });
    await rename(scratch, root);
  } catch (cause) {
    await rm(scratch, { recursive: true, force: true });
    throw cause;
  }
}

async function members(file: string, wanted: readonly string[]): Promise<string[]> {
  const names = (await capturePipeline('dpkg-deb --fsys-tarfile "$1" | tar --list', [file])).split('\n');
  const directories = wanted.map((directory) => `/kernel/${directory}/`);
  return names.filter((name) => {
    if (name.endsWith('/')) return false;
    if (/\/vmlinuz(-|$)/.test(name)) return true;
    if (!name.includes('/lib/modules/')) return false;
    return /\/modules\.[^/]+$/.test(name) || directories.some((directory) => name.includes(directory));
  });
}

async function findBootImage(scratch: string, release: string | undefined): Promise<string | undefined> {
  const boot = (await listed(path.join(scratch, 'boot'))).find((name) => name.startsWith('vmlinuz'));
  if (boot !== undefined) return path.join(scratch, 'boot', boot);
  const beside = release === undefined ? undefined : path.join(scratch, 'lib', 'modules', release, 'vmlinuz');
  return beside !== undefined && existsSync(beside) ? beside : undefined;
}

async function listed(directory: string): Promise<string[]> {
  return existsSync(directory) ? readdir(directory) : [];
}
