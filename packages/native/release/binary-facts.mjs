// What must be true of a published binary, and which sources it belongs to.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXPORTED } from '../scripts/compile.mjs';
import { readElf } from './elf.mjs';
import { MUSL_NAMES } from './musl-names.mjs';

export const packageFolder = path.resolve(fileURLToPath(import.meta.url), '..', '..');

/** Node 20 itself asks for this glibc. */
const GLIBC_AT_MOST = [2, 28];
/** Libraries that a process has anyway: no C++ library, no compiler's runtime. */
const LIBRARIES = {
  glibc: /^(lib(c|m)\.so\.6|lib(pthread|rt)\.so\.0|librt\.so\.1|libdl\.so\.2|ld-linux-(x86-64\.so\.2|aarch64\.so\.1))$/,
  musl: /^libc\.so$/,
};

/** Given by Node, whatever the C library is. */
const NODE_API = /^(napi|node_api)_/;

/** A symbol that no library promises: the addon would not load, since it is linked with -z now. */
const isPromised = (name, libc) => NODE_API.test(name) || (libc === 'musl' && MUSL_NAMES.has(name));

function newerThanAllowed(version) {
  const match = /^GLIBC_(\d+)\.(\d+)/.exec(version);
  // GLIBCXX, CXXABI, GCC: libraries that must not be needed. GLIBC_PRIVATE: promised to no one.
  if (match === null) return true;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > GLIBC_AT_MOST[0] || (major === GLIBC_AT_MOST[0] && minor > GLIBC_AT_MOST[1]);
}

/** Everything that is wrong with `bytes` as the binary of `target`, in words; and the highest glibc version it asks for. */
export function inspectBinary(bytes, target) {
  const [, arch, libc] = target.split('-');
  let elf;
  try {
    elf = readElf(bytes);
  } catch (error) {
    return { problems: [error.message], floor: undefined };
  }
  const problems = [];
  const expect = (condition, problem) => { if (!condition) problems.push(problem); };
  expect(elf.machine === arch, `it is for ${elf.machine}`);
  expect(elf.exported.join() === [...EXPORTED].sort().join(), `it exports ${elf.exported.join(', ')}`);
  for (const library of elf.needed) expect(LIBRARIES[libc].test(library), `it needs ${library}`);
  for (const version of elf.versions) expect(libc === 'glibc' && !newerThanAllowed(version), `it asks for ${version}`);
  for (const name of elf.unversioned) expect(isPromised(name, libc), `no library promises it ${name}`);
  expect(libc === 'musl' || !elf.dynamicTls, 'its signal handlers may call malloc: TLS is not initial-exec');
  expect(elf.stripped, 'it is not stripped');
  expect(elf.bindsNow, 'it is not linked with -z now');
  expect(elf.staysLoaded, 'it is not linked with -z nodelete');
  expect(elf.relocationsReadOnly, 'it is not linked with -z relro');
  const byVersion = (a, b) => Number(a.split('.')[1] ?? 0) - Number(b.split('.')[1] ?? 0);
  return { problems, floor: elf.versions.filter((name) => name.startsWith('GLIBC_')).sort(byVersion).at(-1) };
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** One number for everything that goes into a published binary: sources, switches, headers and the compiler. */
export function sourcesDigest() {
  const folders = ['cpp/napi', 'cpp/pmem', 'cpp/testing', 'cpp/compat', 'cpp/published'].flatMap((folder) =>
    readdirSync(path.join(packageFolder, folder)).sort().map((name) => path.join(folder, name)),
  );
  const files = [...folders, 'scripts/compile.mjs', 'release/zig-targets.mjs', 'release/zig/package-lock.json'];
  const require = createRequire(import.meta.url);
  const headers = ['node-addon-api', 'node-api-headers'].map((name) => `${name}@${require(`${name}/package.json`).version}`);
  return sha256(JSON.stringify([headers, ...files.map((file) => [file, sha256(readFileSync(path.join(packageFolder, file)))])]));
}

export const manifestFile = path.join(packageFolder, 'binary', 'manifest.json');
