// Userlands that are not this machine's: folders with the libraries of another Debian suite or architecture, and commands
// that run in them. Packages are fetched by apt with a state of its own, so nothing of the machine is changed.
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(fileURLToPath(import.meta.url), '..', '..', '..');
export const cache = path.join(root, '.cache', 'installed');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Something that this machine lacks, so that nothing can be shown here. The message says what to install. */
export class MissingPrerequisite extends Error {}

/** Runs a command and returns what it wrote; throws with all of it if it fails. */
export function run(command, args, options = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (status === 0) return stdout ?? '';
  const how = error?.message ?? signal ?? `exit code ${status}`;
  throw new Error(`${command} ${args.join(' ')}: ${how}\n${stdout ?? ''}${stderr ?? ''}`);
}

/** Throws MissingPrerequisite unless commands can be run in a userland of their own. */
export function requireLinuxTools() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new MissingPrerequisite('this needs x86-64 Linux');
  if (process.getuid() !== 0) throw new MissingPrerequisite('this needs root: it runs commands in a chroot');
  for (const [command, name] of [['apt-get', 'apt'], ['dpkg-deb', 'dpkg'], ['unshare', 'util-linux']]) {
    if (spawnSync(command, ['--version']).status !== 0) throw new MissingPrerequisite(`${command} does not run: install ${name}, on Debian`);
  }
  if (!existsSync(KEYRING)) throw new MissingPrerequisite('there are no keys of Debian: apt-get install debian-archive-keyring');
}

/**
 * A folder with `packages` of a Debian suite, unpacked and not configured: libraries and the dynamic loader, no shell, no
 * package manager. Made once and kept in `.cache`. Names the packages themselves, not what they depend on.
 */
export function unpackDebian({ suite, arch, packages }) {
  const folder = path.join(cache, `${suite}-${arch}-${packages.join('-')}`);
  if (existsSync(folder)) return folder;
  const state = path.join(cache, `apt-${suite}-${arch}`);
  for (const part of ['lists/partial', 'cache/archives/partial', 'debs']) mkdirSync(path.join(state, part), { recursive: true });
  writeFileSync(path.join(state, 'sources.list'), `deb [signed-by=${KEYRING}] http://deb.debian.org/debian ${suite} main\n`);
  const settings = {
    'Dir::Etc::sourcelist': path.join(state, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': path.join(state, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': path.join(state, 'cache'),
    'APT::Architecture': arch,
    'APT::Architectures': arch,
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  run('apt-get', [...options, '-qq', 'update']);
  run('apt-get', [...options, '-qq', 'download', ...packages], { cwd: path.join(state, 'debs') });
  const unfinished = `${folder}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  // As in an installed system: packages of newer suites have no /lib of their own.
  for (const name of ['lib', 'lib64', 'bin']) {
    mkdirSync(path.join(unfinished, 'usr', name), { recursive: true });
    symlinkSync(path.join('usr', name), path.join(unfinished, name));
  }
  for (const name of packages) {
    const deb = readdirSync(path.join(state, 'debs')).find((file) => file.startsWith(`${name}_`));
    const archive = `${unfinished}.tar`;
    const file = openSync(archive, 'w');
    run('dpkg-deb', ['--fsys-tarfile', path.join(state, 'debs', deb)], { stdio: ['ignore', file, 'inherit'] });
    closeSync(file);
    // tar follows the three links above; dpkg-deb would replace them.
    run('tar', ['-x', '--keep-directory-symlink', '-f', archive, '-C', unfinished]);
    rmSync(archive);
  }
  renameSync(unfinished, folder);
  return folder;
}

/** The C and C++ libraries that Node needs. bullseye has glibc 2.31. */
export const nodeLibraries = (arch, suite = 'bullseye') =>
  unpackDebian({ suite, arch, packages: ['libc6', 'libgcc-s1', 'libstdc++6'] });

/** An empty root with the libraries of `userland`, the program `node`, and nothing else: no shell, no compiler. */
export function makeBareRoot(folder, { node = process.execPath, userland = nodeLibraries('amd64') } = {}) {
  rmSync(folder, { recursive: true, force: true });
  cpSync(userland, folder, { recursive: true, verbatimSymlinks: true });
  for (const name of ['proc', 'dev/shm', 'tmp', 'etc', 'home', 'usr/bin']) mkdirSync(path.join(folder, name), { recursive: true });
  for (const [name, minor] of [['null', 3], ['zero', 5], ['random', 8], ['urandom', 9]]) {
    run('mknod', ['-m', '666', path.join(folder, 'dev', name), 'c', '1', String(minor)]);
  }
  cpSync(node, path.join(folder, 'usr', 'bin', 'node'));
  writeFileSync(path.join(folder, 'etc', 'passwd'), 'root:x:0:0:root:/home:/nonexistent\n');
  return folder;
}

/**
 * Runs `command` (a path in `folder` and arguments) with `folder` as the root and returns what it wrote. Throws if it fails,
 * or with `allowFailure` returns `{ status, output }`. /proc and /dev/shm are mounted for this command alone.
 */
export function runIn(folder, command, { cwd = '/home', env = {}, allowFailure = false } = {}) {
  const options = { encoding: 'utf8', maxBuffer: 1 << 28, env: { PATH: '/usr/bin:/bin', HOME: '/home', ...env } };
  const inRoot = ['--pid', '--fork', '--mount-proc', `--root=${folder}`, `--wd=${cwd}`, ...command];
  const script = 'mount -t tmpfs shm "$1/dev/shm" && shift && exec unshare "$@"';
  const args = ['--mount', 'sh', '-c', script, 'sh', folder, ...inRoot];
  if (!allowFailure) return run('/usr/bin/unshare', args, options);
  const { status, stdout, stderr } = spawnSync('/usr/bin/unshare', args, options);
  return { status, output: stdout + stderr };
}
