/** The build script, on copies of the package: it must leave a binary that is new, or none. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { localBinary, shippedBinary } from '../scripts/target.mjs';
import { packageFolder } from './scratch.js';

/** A net for a hanging compiler, not a measure of anything. */
const BUILD_TIMEOUT_MS = 300_000;
const modules = path.join(packageFolder, '..', '..', 'node_modules');

/** The package as it is published, with an old build and a shipped binary, and the packages that the build may find. */
function copyPackage(name: string, tools: readonly string[]): string {
  const root = mkdtempSync(path.join(tmpdir(), 'build-test-'));
  onTestFinished(() => { rmSync(root, { recursive: true, force: true }); });
  const folder = path.join(root, name, 'node_modules', '@safe-pmem', 'native');
  for (const part of ['package.json', 'scripts', 'cpp/pmem', 'cpp/napi', 'cpp/testing']) {
    cpSync(path.join(packageFolder, part), path.join(folder, part), { recursive: true });
  }
  for (const binary of [localBinary(folder), shippedBinary(folder)]) {
    mkdirSync(path.dirname(binary), { recursive: true });
    writeFileSync(binary, 'an old binary');
  }
  for (const tool of tools) symlinkSync(path.join(modules, tool), path.join(root, name, 'node_modules', tool));
  return folder;
}

function sources(folder: string): string[] {
  const parts = ['cpp/napi', 'cpp/pmem', 'cpp/testing'];
  const all = parts.flatMap((part) => readdirSync(path.join(folder, part)).map((name) => `${part}/${name}`));
  return all.filter((name) => name.endsWith('.cc'));
}

/** Runs the script with an empty HOME and nothing in the environment that could help it. */
function build(folder: string, { node = process.execPath, args = [] as string[], env = {} } = {}): { status: number | null; output: string } {
  const home = path.join(folder, 'home');
  mkdirSync(home, { recursive: true });
  const { status, stdout, stderr } = spawnSync(node, [path.join(folder, 'scripts', 'build-addon.mjs'), ...args], {
    encoding: 'utf8',
    // A proxy that does not exist: a build that asks the network fails at once.
    env: { PATH: process.env.PATH, HOME: home, https_proxy: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9', ...env },
  });
  expect(readdirSync(home), 'the build wrote into HOME').toEqual([]);
  expect(readFileSync(shippedBinary(folder), 'utf8'), 'the shipped binary').toBe('an old binary');
  return { status, output: stdout + stderr };
}

/**
 * Leaves an addon of a few lines in the sources' places: the real ones, which are compiled with the same headers before
 * any test runs (build-native), would take a processor for half a minute.
 */
function makeBrief(folder: string): void {
  for (const name of sources(folder)) writeFileSync(path.join(folder, name), '');
  writeFileSync(path.join(folder, 'cpp', 'pmem', 'media.cc'), '#include "media.h"\n');
  writeFileSync(path.join(folder, 'cpp', 'napi', 'addon.cc'), `#include <napi.h>
static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, [](const Napi::CallbackInfo& info) { return info.Env().Undefined(); }));
  return exports;
}
NODE_API_MODULE(addon, Init)
`);
}

const allTools = ['node-addon-api', 'node-api-headers'];

/** A copy of node that has no headers beside it. */
function bareNode(folder: string): string {
  const node = path.join(folder, '..', 'bare-node');
  copyFileSync(process.execPath, node);
  return node;
}

it('leaves no binary when the compiler fails', () => {
  const folder = copyPackage('plain', allTools);
  // In every file, since the others would be compiled beside a single one that fails: half a minute of a processor.
  for (const name of sources(folder)) writeFileSync(path.join(folder, name), '#error broken on purpose\n');
  const { status, output } = build(folder);
  expect(status).toBe(1);
  expect(output).toContain('broken on purpose');
  expect(existsSync(localBinary(folder))).toBe(false);
}, BUILD_TIMEOUT_MS);

it.each([
  [[], /node-addon-api@8 and node-api-headers@1/],
  [['node-addon-api'], /install --no-save node-api-headers@1$/m],
  [['node-api-headers'], /install --no-save node-addon-api@8$/m],
])('says what to install where only %j is there, and leaves no binary', (tools, message) => {
  const folder = copyPackage('bare', tools);
  const { status, output } = build(folder, { node: bareNode(folder) });
  expect(status).toBe(1);
  expect(output).toMatch(message);
  expect(output).toContain('Then run again: npx safe-pmem-build');
  expect(existsSync(localBinary(folder))).toBe(false);
});

it('says that there is no compiler, and all else that is missing, at once', () => {
  const folder = copyPackage('bare', []);
  const { status, output } = build(folder, { env: { PATH: '/nowhere' } });
  expect(status).toBe(1);
  expect(output).toMatch(/a C\+\+17 compiler: 'g\+\+' does not run.*apt-get install g\+\+/);
  expect(output).toContain('npm install --no-save node-addon-api@8');
  expect(existsSync(localBinary(folder))).toBe(false);
});

it('refuses a nodedir that holds no headers', () => {
  const folder = copyPackage('plain', allTools);
  const { status, output } = build(folder, { env: { SAFE_PMEM_NODEDIR: '/nowhere' } });
  expect(status).toBe(1);
  expect(output).toContain('/nowhere');
  expect(existsSync(localBinary(folder))).toBe(false);
});

it('builds without headers beside node, without network, under a path with a space and a #; then what has changed alone', () => {
  const folder = copyPackage('a #b c', allTools);
  makeBrief(folder);
  const node = bareNode(folder);
  // A compiler that says what it compiles.
  const compiler = path.join(folder, '..', 'compiler');
  writeFileSync(compiler, '#!/bin/sh\nfor word; do case "$word" in *.cc) echo "compiles $word";; esac; done\nexec g++ "$@"\n', { mode: 0o755 });
  const env = { CXX: 'compiler', PATH: `${path.dirname(compiler)}:${process.env.PATH ?? ''}` };
  /** A unit stands for all that it includes. */
  const partsOf = (source: string): string[] => {
    if (!source.startsWith('build/units/')) return [source];
    const text = readFileSync(path.join(folder, source), 'utf8');
    return [...text.matchAll(/^#include "(.*)"$/gm)].map(([, name = '']) => path.join(path.dirname(source), name));
  };
  const compiled = (output: string): string[] =>
    [...output.matchAll(/^compiles (\S+)$/gm)].flatMap(([, name = '']) => partsOf(name)).sort();
  const first = build(folder, { node, env });
  expect(first.output).toContain(localBinary(folder));
  expect(first.status).toBe(0);
  expect(compiled(first.output)).toEqual(sources(folder).sort());
  const script = `typeof require(${JSON.stringify(localBinary(folder))}).open`;
  const loaded = spawnSync(process.execPath, ['-p', script], { encoding: 'utf8' });
  expect(loaded).toMatchObject({ stdout: 'function\n', stderr: '' });

  const future = new Date(Date.now() + 60_000);
  for (const name of ['cpp/pmem/media.h', 'cpp/napi/values.cc']) utimesSync(path.join(folder, name), future, future);
  const second = build(folder, { node, env });
  expect(second.status).toBe(0);
  expect(compiled(second.output)).toEqual(expect.arrayContaining(['cpp/pmem/media.cc', 'cpp/napi/values.cc']));
  expect(compiled(second.output)).not.toContain('cpp/pmem/persist.cc');
}, BUILD_TIMEOUT_MS);
