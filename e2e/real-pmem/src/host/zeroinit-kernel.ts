/**
 * The kernel of `zeroinit-kernel/`: Debian's source package of a series with our patches, built with a configuration
 * that holds what a guest needs. Kept in the cache under a hash of patches, configuration and source version; what is
 * there is not built again.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { BootableKernel } from './bootable-kernel.js';
import { capture, capturePipeline, CommandError } from './command.js';
import type { DebianArchive } from './debian-archive.js';
import { zeroinitName } from './matrix.js';
import { ensurePrograms, programPath, type Prerequisite } from './prerequisites.js';
import type { Progress } from './progress.js';
import { SetupError } from './setup-error.js';

/** The series that the patches are written for. */
const series = '6.12';

const buildTools: readonly Prerequisite[] = [
  { program: 'gcc', debianPackage: 'gcc' },
  { program: 'make', debianPackage: 'make' },
  { program: 'flex', debianPackage: 'flex' },
  { program: 'bison', debianPackage: 'bison' },
  { program: 'bc', debianPackage: 'bc' },
  { program: 'patch', debianPackage: 'patch' },
  { program: 'xz', debianPackage: 'xz-utils' },
  { program: '/usr/include/gelf.h', debianPackage: 'libelf-dev' },
];

export interface ZeroinitOptions {
  /** The repository. */
  readonly tree: string;
  readonly cacheDirectory: string;
  /** Look for a newer source package. */
  readonly refresh: boolean;
  readonly archive: Pick<DebianArchive, 'downloadSource'>;
  readonly progress: Progress;
}

interface Manifest {
  readonly release: string;
}

export interface KernelRecipe {
  readonly config: string;
  /** In the order in which they apply. */
  readonly patches: readonly { readonly name: string; readonly text: string }[];
}

export async function readRecipe(tree: string): Promise<KernelRecipe> {
  const directory = path.join(tree, 'e2e', 'real-pmem', 'zeroinit-kernel');
  const names = (await readdir(path.join(directory, 'patches'))).filter((name) => name.endsWith('.patch')).sort();
  const textOf = (name: string): Promise<string> => readFile(path.join(directory, 'patches', name), 'utf8');
  return {
    config: await readFile(path.join(directory, 'guest.config'), 'utf8'),
    patches: await Promise.all(names.map(async (name) => ({ name, text: await textOf(name) }))),
  };
}

/** What the cache knows a build by. */
export function recipeKey({ config, patches }: KernelRecipe, sourceVersion: string): string {
  const parts = [sourceVersion, config, ...patches.flatMap(({ name, text }) => [name, text])];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/** The lines of the fragment that the configuration did not take: options that are gone, or whose needs are not met. */
export function unmetOptions(fragment: string, configuration: string): string[] {
  const got = new Set(configuration.split('\n'));
  return fragment.split('\n').filter((line) => line.startsWith('CONFIG_') && !got.has(line));
}

export async function zeroinitKernel(options: ZeroinitOptions): Promise<BootableKernel> {
  const home = path.join(options.cacheDirectory, 'kernels', zeroinitName);
  await mkdir(home, { recursive: true });
  const recipe = await readRecipe(options.tree);
  const source = await sourcePackage(home, options);
  const root = path.join(home, recipeKey(recipe, sourceVersion(source)));
  if (!existsSync(path.join(root, 'manifest.json'))) await build(recipe, source, root, options.progress);
  const { release } = JSON.parse(await readFile(path.join(root, 'manifest.json'), 'utf8')) as Manifest;
  return { series: zeroinitName, release, bootImage: path.join(root, 'vmlinuz'), root };
}

/** `linux-source-6.12_6.12.117-1~deb12u1_all.deb`: the version is 6.12.117-1~deb12u1. */
function sourceVersion(file: string): string {
  return decodeURIComponent(path.basename(file).split('_')[1] ?? '');
}

/** The source package in the cache; downloaded if there is none, or to see whether there is a newer one. */
async function sourcePackage(home: string, { archive, refresh, progress }: ZeroinitOptions): Promise<string> {
  const packages = async (): Promise<string[]> => (await readdir(home)).filter((name) => name.endsWith('.deb'));
  const kept = await packages();
  if (kept[0] !== undefined && !refresh) return path.join(home, kept[0]);
  // Without a source nothing can have been built: what is missing is told before 150 MB are fetched.
  if (kept[0] === undefined) await ensurePrograms(buildTools, progress);
  const scratch = await mkdtemp(path.join(home, 'source.'));
  try {
    progress.step(`the kernel ${zeroinitName} is built from Debian's linux-source-${series} (150 MB)`);
    const file = await archive.downloadSource(series, scratch);
    const target = path.join(home, path.basename(file));
    await rename(file, target);
    for (const name of await packages()) if (name !== path.basename(file)) await rm(path.join(home, name));
    return target;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function build(recipe: KernelRecipe, source: string, root: string, progress: Progress): Promise<void> {
  await ensurePrograms(buildTools, progress);
  // Renamed into place when it is whole, so an interrupted run leaves no half kernel.
  const scratch = await mkdtemp(`${root}.`);
  const log = `${root}.log`;
  try {
    const sources = await unpack(source, scratch, progress);
    await applyPatches(recipe, sources, progress);
    await configure(recipe, sources, scratch);
    progress.step(`building Linux ${zeroinitName}: ten minutes on two idle processors; the log is ${log}`);
    // Behind everything else that runs here, and with a log that can be watched.
    const jobs = String(availableParallelism());
    await capturePipeline('exec nice -n 15 make "-j$1" bzImage > "$2" 2>&1', [jobs, log], { cwd: sources });
    await install(sources, path.join(scratch, 'root'));
    // Another runner may have built the same meanwhile.
    if (!existsSync(root)) await rename(path.join(scratch, 'root'), root);
    await rm(log);
  } catch (cause) {
    if (!(cause instanceof CommandError) || !existsSync(log)) throw cause;
    const tail = (await readFile(log, 'utf8')).split('\n').slice(-20).join('\n');
    throw new SetupError(`Linux ${zeroinitName} does not build:\n${tail}`, `read ${log}`, cause);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function unpack(source: string, scratch: string, progress: Progress): Promise<string> {
  progress.step(`unpacking ${path.basename(source)}`);
  const archive = 'tar --extract --directory "$2" --wildcards "./usr/src/*.tar.xz"';
  await capturePipeline(`dpkg-deb --fsys-tarfile "$1" | ${archive}`, [source, scratch]);
  await capturePipeline('tar --extract --file "$1"/usr/src/*.tar.xz --directory "$1" && rm -r "$1/usr"', [scratch]);
  const [sources] = await readdir(scratch);
  if (sources === undefined) throw new SetupError(`${source} holds no kernel source`);
  return path.join(scratch, sources);
}

async function applyPatches({ patches }: KernelRecipe, sources: string, progress: Progress): Promise<void> {
  progress.step(`applying ${patches.length} patches`);
  for (const { name, text } of patches) {
    try {
      const words = ['--strip=1', '--batch', '--no-backup-if-mismatch'];
      await capture(programPath('patch'), words, { cwd: sources, stdin: text });
    } catch (cause) {
      if (!(cause instanceof CommandError)) throw cause;
      const message = `${name} does not apply to ${path.basename(sources)}:\n${cause.output.slice(-1500)}`;
      throw new SetupError(message, undefined, cause);
    }
  }
}

async function configure({ config }: KernelRecipe, sources: string, scratch: string): Promise<void> {
  const fragment = path.join(scratch, 'guest.config');
  await writeFile(fragment, config);
  await capture(programPath('make'), ['allnoconfig'], { cwd: sources, env: { KCONFIG_ALLCONFIG: fragment } });
  const unmet = unmetOptions(config, await readFile(path.join(sources, '.config'), 'utf8'));
  if (unmet.length > 0) throw new SetupError(`this kernel does not take from guest.config: ${unmet.join(', ')}`);
}

/** The boot image, and a module tree that says what is built in, which is all that modprobe needs. */
async function install(sources: string, root: string): Promise<void> {
  const release = (await readFile(path.join(sources, 'include', 'config', 'kernel.release'), 'utf8')).trim();
  const modules = path.join(root, 'lib', 'modules', release);
  await mkdir(modules, { recursive: true });
  await copyFile(path.join(sources, 'arch', 'x86', 'boot', 'bzImage'), path.join(root, 'vmlinuz'));
  for (const name of ['modules.builtin', 'modules.builtin.modinfo']) {
    await copyFile(path.join(sources, name), path.join(modules, name));
  }
  await writeFile(path.join(modules, 'modules.order'), '');
  await capture(programPath('depmod'), ['--basedir', root, release]);
  await writeFile(path.join(root, 'manifest.json'), JSON.stringify({ release } satisfies Manifest));
}
