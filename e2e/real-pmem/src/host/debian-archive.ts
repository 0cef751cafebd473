/**
 * Finds and downloads kernel packages from the Debian mirrors that this machine's apt already uses. Works on package
 * lists of its own in the cache, so it needs no root, changes nothing of the machine's, and can look into suites that
 * the machine does not follow (older and newer kernels).
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
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
export function kernelPackages(names: readonly string[], series: string): string[] {
  const pattern = new RegExp(`^linux-image-${series.replace('.', '\\.')}\\.[0-9][0-9a-z.+~]*(-[0-9]+)?-amd64$`);
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
  async downloadKernel(series: string, target: string): Promise<string[]> {
    if (findProgram('apt-get') === undefined || findProgram('dpkg-deb') === undefined) {
      throw new SetupError('kernels come from Debian packages: apt-get and dpkg-deb are missing', 'run this on Debian 12 or later');
    }
    const configured = await configuredSources();
    for (const [name, sources] of [['machine', configured], ['wider', widen(configured)]] as const) {
      const newest = await this.#newest(name, sources, series);
      if (newest !== undefined) return this.#download(name, newest, target);
    }
    const sites = [...new Set(configured.map((source) => source.site))].join(' and ');
    throw new SetupError(`no package linux-image-${series}.*-amd64 in any suite of ${sites}`);
  }

  /** Downloads the newest source package of a series: the path of the file. Its name holds the version. */
  async downloadSource(series: string, target: string): Promise<string> {
    const packageName = `linux-source-${series}`;
    const configured = await configuredSources();
    for (const [name, sources] of [['machine', configured], ['wider', widen(configured)]] as const) {
      await this.#update(name, sources);
      if ((await capture('apt-cache', [...this.#options(name), 'search', '--names-only', `^${packageName.replace('.', '\\.')}$`])) !== '') {
        return this.#downloadOne(name, packageName, target);
      }
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

  async #newest(name: string, sources: readonly AptSource[], series: string): Promise<string | undefined> {
    await this.#update(name, sources);
    const listed = await capture('apt-cache', [...this.#options(name), 'search', '--names-only', '^linux-image-[0-9]']);
    const names = kernelPackages(listed.split('\n').map((line) => line.split(' ')[0] ?? ''), series);
    const versions = await Promise.all(names.map(async (packageName) => ({ packageName, version: await this.#version(name, packageName) })));
    let newest: { packageName: string; version: string } | undefined;
    for (const candidate of versions) {
      if (newest === undefined || (await isNewer(candidate.version, newest.version))) newest = candidate;
    }
    return newest?.packageName;
  }

  async #version(name: string, packageName: string): Promise<string> {
    const shown = await capture('apt-cache', [...this.#options(name), 'show', '--no-all-versions', packageName]);
    return /^Version: (.+)$/m.exec(shown)?.[1] ?? '0';
  }

  async #update(name: string, sources: readonly AptSource[]): Promise<void> {
    if (this.#fetched.has(name)) return;
    const directory = path.join(this.#directory, name);
    await mkdir(path.join(directory, 'lists', 'partial'), { recursive: true });
    await mkdir(path.join(directory, 'archives', 'partial'), { recursive: true });
    await writeFile(path.join(directory, 'sources.list'), sources.map(({ site, suite }) => `deb ${site} ${suite} main\n`).join(''));
    const suites = sources.map((source) => source.suite).join(', ');
    this.#progress.step(`fetching package lists: ${suites}`);
    try {
      await capture('apt-get', [...this.#options(name), 'update']);
    } catch (cause) {
      // A mirror without one of the suites makes the whole command fail; the other lists are there all the same.
      if (!(cause instanceof CommandError) || name === 'machine') throw cause;
    }
    this.#fetched.add(name);
  }

  async #download(name: string, packageName: string, target: string): Promise<string[]> {
    const files = [await this.#downloadOne(name, packageName, target)];
    // Since Linux 7.0 Debian splits the image into a base, a binary and a modules package.
    const depends = await capture('dpkg-deb', ['--field', files[0] ?? '', 'Depends']);
    for (const [dependency] of depends.matchAll(/linux-(?:base|binary|modules)-[0-9][^ ,(]+/g)) {
      files.push(await this.#downloadOne(name, dependency, target));
    }
    return files;
  }

  async #downloadOne(name: string, packageName: string, target: string): Promise<string> {
    this.#progress.step(`downloading ${packageName}`);
    const uris = await capture('apt-get', [...this.#options(name), 'download', '--print-uris', packageName], { cwd: target });
    const fileName = /^'[^']+' (\S+) \d+/m.exec(uris)?.[1];
    if (fileName === undefined) throw new SetupError(`apt-get names no file for ${packageName}:\n${uris}`);
    await capture('apt-get', [...this.#options(name), 'download', packageName], { cwd: target });
    const file = path.join(target, fileName);
    if (!existsSync(file)) throw new SetupError(`apt-get downloaded ${packageName}, but ${file} is not there`);
    return file;
  }

  #options(name: string): string[] {
    const directory = path.join(this.#directory, name);
    const settings = {
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

async function isNewer(version: string, than: string): Promise<boolean> {
  try {
    await capture('dpkg', ['--compare-versions', version, 'gt', than]);
    return true;
  } catch (cause) {
    if (cause instanceof CommandError && cause.exitCode === 1) return false;
    throw cause;
  }
}
