/**
 * Finds and downloads kernel packages from the Debian mirrors that this machine's apt already uses. Works on package
 * lists of its own in the cache, so it needs no root, changes nothing of the machine's, and can look into suites that
 * the machine does not follow (older and newer kernels).
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Architecture, KernelName } from './architecture.js';
import { capture, CommandError } from './command.js';
import { findProgram } from './prerequisites.js';
import type { Progress } from './progress.js';
import { SetupError } from './setup-error.js';

/** Debian 11 to testing and unstable; a mirror need not hold them all. */
const otherReleases = ['bullseye', 'bookworm', 'trixie'];
const otherSuites = [...otherReleases, 'bookworm-backports', 'trixie-backports', 'forky', 'sid'];

export interface AptSource {
  readonly site: string;
  readonly suite: string;
}

/** The lines of `apt-get indextargets` in the format that `configuredSources` asks for. */
export function parseTargets(text: string): AptSource[] {
  const sources = new Map<string, AptSource>();
  for (const line of text.split('\n')) {
    const [site, suite, component, origin] = line.split('|');
    if (site === undefined || suite === undefined || component !== 'main' || origin !== 'Debian') continue;
    sources.set(`${site} ${suite}`, { site, suite });
  }
  return [...sources.values()];
}

/** Every suite that might hold other kernels, on the sites that the machine uses. */
export function widen(sources: readonly AptSource[]): AptSource[] {
  const wider = new Map(sources.map((source) => [`${source.site} ${source.suite}`, source]));
  for (const { site, suite } of sources) {
    const others = suite.endsWith('-security') ? otherReleases.map((release) => `${release}-security`) : otherSuites;
    for (const other of others) wider.set(`${site} ${other}`, { site, suite: other });
  }
  return [...wider.values()];
}

/** Names of the stock kernels of a series: neither cloud nor realtime, neither unsigned nor debug symbols. */
export function kernelPackages(names: readonly string[], series: string, flavour = 'amd64'): string[] {
  const pattern = new RegExp(`^linux-image-${series.replace('.', '\\.')}\\.[0-9][0-9a-z.+~]*(-[0-9]+)?-${flavour}$`);
  return names.filter((name) => pattern.test(name));
}

/** A process of this number. One of another user's counts: it is not ours to say that it has ended. */
function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Package lists of their own: of some suites, for one architecture. */
interface Lists {
  readonly name: string;
  readonly sources: readonly AptSource[];
  readonly architecture: Architecture;
}

export class DebianArchive {
  readonly #directory: string;
  readonly #progress: Progress;
  readonly #fetched = new Set<string>();

  constructor(cacheDirectory: string, progress: Progress) {
    // Of this process: two runs that fetch a kernel at the same time would take each other's lists away.
    this.#directory = path.join(cacheDirectory, 'apt', String(process.pid));
    this.#progress = progress;
  }

  /** Downloads the newest kernel package of the series, and those it is split into; the paths of the files. */
  async downloadKernel(kernel: KernelName, target: string): Promise<string[]> {
    if (findProgram('apt-get') === undefined || findProgram('dpkg-deb') === undefined) {
      throw new SetupError('kernels come from Debian packages: apt-get and dpkg-deb are missing', 'run this on Debian 12 or later');
    }
    for (const lists of await allLists(kernel.architecture)) {
      const newest = await this.#newest(lists, kernel);
      if (newest !== undefined) return this.#download(lists, newest, target);
    }
    const wanted = `linux-image-${kernel.series}.*-${kernel.flavour}`;
    throw new SetupError(`no package ${wanted} in any suite of the mirrors that apt uses here`);
  }

  /** Downloads packages of a suite and all that they depend on, as for a machine that has none: the files' paths. */
  async downloadPrograms(packages: readonly string[], suite: string, architecture: Architecture): Promise<string[]> {
    const configured = (await configuredSources()).filter((source) => !source.suite.endsWith('-security'));
    const sites = new Set(configured.map(({ site }) => site));
    const lists = { name: suite, sources: [...sites].map((site) => ({ site, suite })), architecture };
    await this.#update(lists);
    this.#progress.step(`downloading ${packages.join(', ')} for ${architecture}`);
    const options = ['--yes', '--no-install-recommends', '--download-only'];
    await capture('apt-get', [...this.#options(lists), ...options, 'install', ...packages]);
    const archives = path.join(this.#listsDirectory(lists), 'archives');
    return (await readdir(archives)).filter((file) => file.endsWith('.deb')).map((file) => path.join(archives, file));
  }

  /** Downloads the newest source package of a series: the path of the file. Its name holds the version. */
  async downloadSource(series: string, target: string): Promise<string> {
    const packageName = `linux-source-${series}`;
    for (const lists of await allLists('x64')) {
      await this.#update(lists);
      const search = ['search', '--names-only', `^${packageName.replace('.', '\\.')}$`];
      const found = await capture('apt-cache', [...this.#options(lists), ...search]);
      if (found !== '') return this.#downloadOne(lists, packageName, target);
    }
    throw new SetupError(`no package ${packageName} in any suite of the mirrors that apt uses here`);
  }

  /** Package lists are large and go stale: they are kept for one run. Those of runs that were interrupted go, too. */
  async forgetLists(): Promise<void> {
    const all = path.dirname(this.#directory);
    for (const owner of existsSync(all) ? await readdir(all) : []) {
      const isOther = owner !== path.basename(this.#directory);
      if (!isOther || !isRunning(Number(owner))) await rm(path.join(all, owner), { recursive: true, force: true });
    }
    this.#fetched.clear();
  }

  async #newest(lists: Lists, { series, flavour }: KernelName): Promise<string | undefined> {
    await this.#update(lists);
    const listed = await capture('apt-cache', [...this.#options(lists), 'search', '--names-only', '^linux-image-[0-9]']);
    const names = kernelPackages(listed.split('\n').map((line) => line.split(' ')[0] ?? ''), series, flavour);
    const versionOf = async (packageName: string): Promise<{ packageName: string; version: string }> =>
      ({ packageName, version: await this.#version(lists, packageName) });
    const versions = await Promise.all(names.map(versionOf));
    let newest: { packageName: string; version: string } | undefined;
    for (const candidate of versions) {
      if (newest === undefined || (await isNewer(candidate.version, newest.version))) newest = candidate;
    }
    return newest?.packageName;
  }

  async #version(lists: Lists, packageName: string): Promise<string> {
    const shown = await capture('apt-cache', [...this.#options(lists), 'show', '--no-all-versions', packageName]);
    return /^Version: (.+)$/m.exec(shown)?.[1] ?? '0';
  }

  async #update(lists: Lists): Promise<void> {
    const directory = this.#listsDirectory(lists);
    if (this.#fetched.has(directory)) return;
    const { name, sources } = lists;
    await mkdir(path.join(directory, 'lists', 'partial'), { recursive: true });
    await mkdir(path.join(directory, 'archives', 'partial'), { recursive: true });
    await writeFile(path.join(directory, 'sources.list'), sources.map(({ site, suite }) => `deb ${site} ${suite} main\n`).join(''));
    const suites = sources.map((source) => source.suite).join(', ');
    this.#progress.step(`fetching package lists: ${suites}`);
    try {
      await capture('apt-get', [...this.#options(lists), 'update']);
    } catch (cause) {
      // A mirror without one of the suites makes the whole command fail; the other lists are there all the same.
      if (!(cause instanceof CommandError) || name === 'machine') throw cause;
    }
    this.#fetched.add(directory);
  }

  async #download(lists: Lists, packageName: string, target: string): Promise<string[]> {
    const files = [await this.#downloadOne(lists, packageName, target)];
    // Since Linux 7.0 Debian splits the image into a base, a binary and a modules package.
    const depends = await capture('dpkg-deb', ['--field', files[0] ?? '', 'Depends']);
    for (const [dependency] of depends.matchAll(/linux-(?:base|binary|modules)-[0-9][^ ,(]+/g)) {
      files.push(await this.#downloadOne(lists, dependency, target));
    }
    return files;
  }

  async #downloadOne(lists: Lists, packageName: string, target: string): Promise<string> {
    this.#progress.step(`downloading ${packageName}`);
    const uris = await capture('apt-get', [...this.#options(lists), 'download', '--print-uris', packageName], { cwd: target });
    const fileName = /^'[^']+' (\S+) \d+/m.exec(uris)?.[1];
    if (fileName === undefined) throw new SetupError(`apt-get names no file for ${packageName}:\n${uris}`);
    await capture('apt-get', [...this.#options(lists), 'download', packageName], { cwd: target });
    const file = path.join(target, fileName);
    if (!existsSync(file)) throw new SetupError(`apt-get downloaded ${packageName}, but ${file} is not there`);
    return file;
  }

  #listsDirectory({ name, architecture }: Lists): string {
    return path.join(this.#directory, `${name}-${architecture}`);
  }

  #options(lists: Lists): string[] {
    const directory = this.#listsDirectory(lists);
    // Of another architecture nothing is installed here.
    const foreign = { 'APT::Architecture': 'arm64', 'APT::Architectures': 'arm64', 'Dir::State::status': '/dev/null' };
    const settings = {
      ...(lists.architecture === 'arm64' ? foreign : {}),
      'Dir::Etc::sourcelist': path.join(directory, 'sources.list'),
      'Dir::Etc::sourceparts': '-',
      'Dir::State::lists': path.join(directory, 'lists'),
      'Dir::Cache::archives': path.join(directory, 'archives'),
      'Dir::Cache::pkgcache': '',
      'Dir::Cache::srcpkgcache': '',
      // The cache belongs to whoever runs this: apt's own user may not be able to write to it.
      'APT::Sandbox::User': '',
      'Acquire::Languages': 'none',
    };
    return Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  }
}

async function configuredSources(): Promise<AptSource[]> {
  const format = '$(SITE)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)';
  const sources = parseTargets(await capture('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']));
  if (sources.length > 0) return sources;
  throw new SetupError('apt on this machine knows no Debian mirror with fetched package lists', 'sudo apt-get update');
}

/** First the suites that the machine follows, then all others. */
async function allLists(architecture: Architecture): Promise<readonly Lists[]> {
  const configured = await configuredSources();
  return [
    { name: 'machine', sources: configured, architecture },
    { name: 'wider', sources: widen(configured), architecture },
  ];
}

async function isNewer(version: string, than: string): Promise<boolean> {
  try {
    await capture('dpkg', ['--compare-versions', version, 'gt', than]);
    return true;
  } catch (cause) {
    if (cause instanceof CommandError && cause.exitCode === 1) return false;
    throw cause;
  }
}
