import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { PmemError } from '@safe-pmem/core';
import { buildSync, type Loader } from 'esbuild';
import { expect, it, onTestFinished } from 'vitest';
import {
  ADDON, binaryPath, interpreterOf, libcOf, localBinary, shippedBinary, TARGETS, targetOf, TESTING_ADDON,
} from '../scripts/target.mjs';
import { loadBinding } from '../src/load-binding.js';
import { packageFolder, scratchFolder } from './scratch.js';

function errorOf(body: () => unknown): PmemError {
  try {
    body();
  } catch (error) {
    if (error instanceof PmemError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

it('names the path, the platform and the command where there is no binary', () => {
  const folder = scratchFolder();
  const error = errorOf(() => loadBinding({ packageFolder: folder }));
  expect(error.code).toBe('ERR_PMEM_BINDING_MISSING');
  expect(error.path).toBe(shippedBinary(folder));
  expect(error.message).toContain(shippedBinary(folder));
  expect(error.message).toContain(`linux-${process.arch}-`);
  expect(error.message).toContain('npx safe-pmem-build');
  expect(error.message).toContain('nativeDriver({ binary })');
  expect(error.cause).toMatchObject({ code: 'MODULE_NOT_FOUND' });
});

it('gives the reason of the system where the binary does not load', () => {
  const folder = scratchFolder();
  mkdirSync(path.dirname(shippedBinary(folder)), { recursive: true });
  writeFileSync(shippedBinary(folder), 'not an ELF file, but long enough to be taken for one'.repeat(10));
  const error = errorOf(() => loadBinding({ packageFolder: folder }));
  expect(error.code).toBe('ERR_PMEM_BINDING_MISSING');
  expect(error.message).toContain('invalid ELF header');
  expect(error.cause).toMatchObject({ code: 'ERR_DLOPEN_FAILED' });
});

it('refuses a binary that was built from other sources, which it would understand wrongly', () => {
  const folder = scratchFolder();
  const injector = path.join(packageFolder, 'build', 'Release', 'fault_injector.node');
  mkdirSync(path.dirname(shippedBinary(folder)), { recursive: true });
  cpSync(injector, shippedBinary(folder));
  const error = errorOf(() => loadBinding({ packageFolder: folder }));
  expect(error.code).toBe('ERR_PMEM_BINDING_MISSING');
  expect(error.message).toContain('built from other sources: its interface is unknown');
  expect(error.message).toContain('npx safe-pmem-build');
  expect(errorOf(() => loadBinding({ binary: injector }))).toMatchObject({ code: error.code, path: injector });
});

it('loads the file that it is told to, relative to the working directory as well', () => {
  const binary = path.join(scratchFolder(), 'unpacked.node');
  cpSync(binaryPath(packageFolder), binary);
  expect(typeof loadBinding({ binary: path.relative(process.cwd(), binary) }).open).toBe('function');
  const error = errorOf(() => loadBinding({ binary: `${binary}.absent.node` }));
  expect(error).toMatchObject({ code: 'ERR_PMEM_BINDING_MISSING', path: `${binary}.absent.node` });
});

it('loads the shipped binary, and what was built from source rather than that', () => {
  const folder = scratchFolder();
  mkdirSync(path.dirname(shippedBinary(folder)), { recursive: true });
  cpSync(binaryPath(packageFolder), shippedBinary(folder));
  expect(typeof loadBinding({ packageFolder: folder }).open).toBe('function');
  // A build that failed: the shipped one would be other code than was asked for.
  mkdirSync(path.dirname(localBinary(folder)), { recursive: true });
  expect(errorOf(() => loadBinding({ packageFolder: folder })).path).toBe(localBinary(folder));
  cpSync(binaryPath(packageFolder), localBinary(folder));
  rmSync(shippedBinary(folder));
  expect(typeof loadBinding({ packageFolder: folder }).open).toBe('function');
});

it('says so if no binary is shipped for the platform', () => {
  const error = errorOf(() => loadBinding({ target: 'linux-riscv64-glibc' }));
  expect(error.code).toBe('ERR_PMEM_BINDING_MISSING');
  expect(error.message).toContain('linux-riscv64-glibc (no binary is shipped for this platform). Build it from source: npx safe-pmem-build');
});

it('does not look anywhere but in its one place', () => {
  const folder = scratchFolder();
  for (const place of ['build/Release', 'prebuilds/linux-x64', 'binary']) {
    mkdirSync(path.join(folder, place), { recursive: true });
    for (const name of ['safe_pmem.node', 'safe-pmem.node']) {
      cpSync(binaryPath(packageFolder), path.join(folder, place, name));
    }
  }
  expect(errorOf(() => loadBinding({ packageFolder: folder })).code).toBe('ERR_PMEM_BINDING_MISSING');
});

it.each(['darwin', 'win32', 'freebsd'] as const)('is not supported on %s, even with a binary', (platform) => {
  const error = errorOf(() => loadBinding({ packageFolder, platform }));
  expect(error.code).toBe('ERR_PMEM_NOT_SUPPORTED');
  expect(error.message).toContain(platform);
});

/** An ELF executable whose program headers name `loader` at `at`. */
function executable(loader: string, at: number): string {
  const bytes = Buffer.alloc(at + 100);
  bytes.write('\x7fELF\x02\x01', 'latin1');
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(2, 56);
  const interpreter = 64 + 56;
  bytes.writeUInt32LE(6, 64);
  bytes.writeUInt32LE(3, interpreter);
  bytes.writeBigUInt64LE(BigInt(at), interpreter + 8);
  bytes.writeBigUInt64LE(BigInt(loader.length + 1), interpreter + 32);
  bytes.write(`${loader}\0`, at, 'latin1');
  const file = path.join(scratchFolder(), 'node');
  writeFileSync(file, bytes);
  return file;
}

it.each([200, 3_000_000])('knows musl and glibc by the name of the dynamic loader, which is at byte %d', (at) => {
  expect(libcOf(executable('/lib/ld-musl-x86_64.so.1', at))).toBe('musl');
  expect(libcOf(executable('/lib64/ld-linux-x86-64.so.2', at))).toBe('glibc');
});

it('asks the report of node if the executable cannot be read or names no loader', () => {
  const answer = (): 'musl' => 'musl';
  const text = path.join(scratchFolder(), 'text');
  writeFileSync(text, 'no ELF file');
  expect(libcOf(text, answer)).toBe('musl');
  expect(libcOf('/nowhere', answer)).toBe('musl');
  // The report and the executable agree on what runs this.
  expect(libcOf('/nowhere')).toBe(libcOf(process.execPath));
  expect(interpreterOf(process.execPath)).toMatch(/^\/lib/);
});

// An installation: the built package and what it depends on, under a path that is awkward in URLs.
function install(name = 'a #b %20 ?c é'): string {
  const folder = path.join(scratchFolder(), name, 'node_modules', '@safe-pmem');
  const native = path.join(folder, 'native');
  const core = path.join(folder, 'core');
  for (const part of ['dist', 'package.json', 'binaries.cjs', 'testing-binaries.cjs']) {
    cpSync(path.join(packageFolder, part), path.join(native, part), { recursive: true });
  }
  mkdirSync(path.dirname(shippedBinary(native)), { recursive: true });
  cpSync(binaryPath(packageFolder), shippedBinary(native));
  cpSync(binaryPath(packageFolder, targetOf(), TESTING_ADDON), shippedBinary(native, targetOf(), TESTING_ADDON));
  for (const part of ['dist', 'package.json']) {
    cpSync(path.join(packageFolder, '..', 'core', part), path.join(core, part), { recursive: true });
  }
  onTestFinished(() => { rmSync(folder, { recursive: true, force: true }); });
  return native;
}

function runNode(inputType: 'module' | 'commonjs', source: string): { stdout: string; stderr: string } {
  return spawnSync(process.execPath, [`--input-type=${inputType}`, '-e', source], { encoding: 'utf8' });
}

it('loads from ESM and from CommonJS under any path', () => {
  const native = install();
  const esm = pathToFileURL(path.join(native, 'dist', 'index.js')).href;
  const cjs = path.join(native, 'dist', 'index.cjs');
  expect(runNode('module', `import { nativeDriver } from '${esm}'; console.log(nativeDriver().name)`)).toMatchObject({
    stdout: 'native\n',
    stderr: '',
  });
  // `node -e` has a global `__filename` that is no path, and modules which it imports see it.
  for (const module of [`require(${JSON.stringify(cjs)})`, `await import('${esm}')`, `await import('${pathToFileURL(cjs).href}')`]) {
    const source = `(async () => { console.log((${module}).nativeDriver().name); })()`;
    expect(runNode('commonjs', source), module).toMatchObject({ stdout: 'native\n', stderr: '' });
  }
});

it('looks for the binary when a driver is asked for, not at import', () => {
  const native = install();
  rmSync(path.join(native, 'binary'), { recursive: true });
  const cjs = JSON.stringify(path.join(native, 'dist', 'index.cjs'));
  const source = `const { nativeDriver } = require(${cjs}); console.log('imported');
    try { nativeDriver(); } catch (error) { console.log(error.name, error.code); }`;
  expect(runNode('commonjs', source).stdout).toBe('imported\nPmemError ERR_PMEM_BINDING_MISSING\n');
  expect(existsSync(shippedBinary(native))).toBe(false);
});

/** Bundles `contents`, a module of a program that has `native` installed, by itself into a folder of its own. */
function bundle(native: string, contents: string, loader: Loader): string {
  const outdir = scratchFolder();
  const resolveDir = path.resolve(native, '..', '..', '..');
  // Or it were part of the package around it, which would find itself.
  writeFileSync(path.join(resolveDir, 'package.json'), '{}');
  // Of one target the binaries are there.
  const others = TARGETS.filter((target) => !existsSync(shippedBinary(native, target)));
  const external = others.flatMap((target) => [ADDON, TESTING_ADDON].map((addon) => `./binary/${target}/${addon}`));
  buildSync({
    stdin: { contents, resolveDir, sourcefile: 'program.js' },
    bundle: true, platform: 'node', format: 'cjs', outExtension: { '.js': '.cjs' }, entryNames: 'program',
    logLevel: 'error', loader: { '.node': loader }, external, outdir,
  });
  return path.join(outdir, 'program.cjs');
}

it.each<Loader>(['file', 'base64', 'empty'])('says what to do in a bundle whose loader for .node is %s', (loader) => {
  const native = install('program');
  for (const call of [
    "import { nativeDriver } from '@safe-pmem/native'; nativeDriver();",
    "import { poisonSupport } from '@safe-pmem/native/testing'; poisonSupport();",
  ]) {
    const { stderr } = spawnSync(process.execPath, [bundle(native, call, loader)], { encoding: 'utf8' });
    expect(stderr).toContain('a bundler has put something else in its place');
    expect(stderr).toContain('--loader:.node=copy');
  }
});

it('poisons real pages from a bundle that has only the copies of the binaries', () => {
  const native = install('program');
  const program = bundle(native, `
    import { MediaError, PmemFile } from '@safe-pmem/core';
    import { nativeDriver } from '@safe-pmem/native';
    import { poisonableDriver, scratchFolder } from '@safe-pmem/native/testing';
    const scratch = scratchFolder();
    const driver = poisonableDriver(nativeDriver());
    PmemFile.open(scratch.file('db'), { driver, create: true, size: 16384 }).then(async (file) => {
      driver.poison(file.path, { offset: 4096, length: 1 });
      try { file.read(new Uint8Array(16384), 0); }
      catch (error) { console.log(error instanceof MediaError, error.source); }
      await file.close();
    }).finally(() => scratch.remove());
  `, 'copy');
  rmSync(native, { recursive: true });
  // Nx asks every process for colours, and console.log() would colour `true`.
  const env = { ...process.env, FORCE_COLOR: undefined, NO_COLOR: '1' };
  const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8', env });
  expect([stdout, stderr]).toEqual(['true sigbus\n', '']);
});
