import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { PmemError } from '@safe-pmem/core';
import { expect, it, onTestFinished } from 'vitest';
import { binaryPath, libcOf } from '../scripts/binary-path.mjs';
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
  const error = errorOf(() => loadBinding(folder));
  expect(error.code).toBe('ERR_PMEM_BINDING_MISSING');
  expect(error.path).toBe(binaryPath(folder));
  expect(error.message).toContain(binaryPath(folder));
  expect(error.message).toContain(`linux-${process.arch}-`);
  expect(error.message).toContain('npm explore @safe-pmem/native -- npm run build-native');
  expect(error.cause).toMatchObject({ code: 'MODULE_NOT_FOUND' });
});

it('gives the reason of the system where the binary does not load', () => {
  const folder = scratchFolder();
  mkdirSync(path.dirname(binaryPath(folder)), { recursive: true });
  writeFileSync(binaryPath(folder), 'not an ELF file, but long enough to be taken for one'.repeat(10));
  const error = errorOf(() => loadBinding(folder));
  expect(error.code).toBe('ERR_PMEM_BINDING_MISSING');
  expect(error.message).toContain('invalid ELF header');
  expect(error.cause).toMatchObject({ code: 'ERR_DLOPEN_FAILED' });
});

it('refuses a binary that was built from other sources, which it would understand wrongly', () => {
  const folder = scratchFolder();
  mkdirSync(path.dirname(binaryPath(folder)), { recursive: true });
  cpSync(path.join(packageFolder, 'build', 'Release', 'fault_injector.node'), binaryPath(folder));
  const error = errorOf(() => loadBinding(folder));
  expect(error.code).toBe('ERR_PMEM_BINDING_MISSING');
  expect(error.message).toContain('built from other sources: its interface is unknown');
  expect(error.message).toContain('npm run build-native');
});

it('does not look anywhere but in its one place', () => {
  const folder = scratchFolder();
  for (const place of ['build/Release', 'prebuilds/linux-x64', 'binary']) {
    mkdirSync(path.join(folder, place), { recursive: true });
    for (const name of ['safe_pmem.node', 'safe-pmem.node']) {
      cpSync(binaryPath(packageFolder), path.join(folder, place, name));
    }
  }
  expect(errorOf(() => loadBinding(folder)).code).toBe('ERR_PMEM_BINDING_MISSING');
});

it.each(['darwin', 'win32', 'freebsd'] as const)('is not supported on %s, even with a binary', (platform) => {
  const error = errorOf(() => loadBinding(packageFolder, platform));
  expect(error.code).toBe('ERR_PMEM_NOT_SUPPORTED');
  expect(error.message).toContain(platform);
});

it('knows musl and glibc by the name of the dynamic loader', () => {
  const folder = scratchFolder();
  const executable = (loader: string): string => {
    const file = path.join(folder, 'node');
    writeFileSync(file, Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(700), Buffer.from(`${loader}\0`)]));
    return file;
  };
  expect(libcOf(executable('/lib/ld-musl-x86_64.so.1'))).toBe('musl');
  expect(libcOf(executable('/lib64/ld-linux-x86-64.so.2'))).toBe('glibc');
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  expect(libcOf(process.execPath)).toBe(report.header.glibcVersionRuntime === undefined ? 'musl' : 'glibc');
});

// An installation: the built package and what it depends on, under a path that is awkward in URLs.
function install(): string {
  const folder = path.join(scratchFolder(), 'a #b %20 ?c é', 'node_modules', '@safe-pmem');
  const native = path.join(folder, 'native');
  const core = path.join(folder, 'core');
  for (const part of ['dist', 'package.json', 'binary']) {
    cpSync(path.join(packageFolder, part), path.join(native, part), { recursive: true });
  }
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
  expect(existsSync(binaryPath(native))).toBe(false);
});
