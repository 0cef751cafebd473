/** The build script, on copies of the package: it must leave a binary that is new, or none. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { binaryPath } from '../scripts/binary-path.mjs';
import { packageFolder } from './scratch.js';

/** A net for a hanging compiler, not a measure of anything. */
const BUILD_TIMEOUT_MS = 300_000;
const modules = path.join(packageFolder, '..', '..', 'node_modules');

/** The package as it is published, with an old binary in its place, and the tools that it may find. */
function copyPackage(name: string, tools: readonly string[]): string {
  const root = mkdtempSync(path.join(tmpdir(), 'build-test-'));
  onTestFinished(() => { rmSync(root, { recursive: true, force: true }); });
  const folder = path.join(root, name, 'node_modules', '@safe-pmem', 'native');
  for (const part of ['binding.gyp', 'package.json', 'scripts', 'cpp/pmem', 'cpp/napi']) {
    cpSync(path.join(packageFolder, part), path.join(folder, part), { recursive: true });
  }
  mkdirSync(path.dirname(binaryPath(folder)), { recursive: true });
  writeFileSync(binaryPath(folder), 'an old binary');
  for (const tool of tools) symlinkSync(path.join(modules, tool), path.join(root, name, 'node_modules', tool));
  return folder;
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
  return { status, output: stdout + stderr };
}

const allTools = ['node-gyp', 'node-addon-api', 'node-api-headers'];

it('leaves no binary when the compiler fails', () => {
  const folder = copyPackage('plain', allTools);
  writeFileSync(path.join(folder, 'cpp', 'napi', 'addon.cc'), '#error broken on purpose\n');
  const { status, output } = build(folder);
  expect(status).toBe(1);
  expect(output).toContain('broken on purpose');
  expect(existsSync(binaryPath(folder))).toBe(false);
}, BUILD_TIMEOUT_MS);

it.each([
  [[], /needs node-gyp and node-addon-api/],
  [['node-addon-api'], /needs node-gyp, which/],
  [['node-gyp'], /needs node-addon-api, which/],
])('says what to install where only %j is there, and leaves no binary', (tools, message) => {
  const folder = copyPackage('bare', tools);
  const { status, output } = build(folder);
  expect(status).toBe(1);
  expect(output).toMatch(message);
  expect(output).toContain('npm explore @safe-pmem/native -- npm run build-native');
  expect(existsSync(binaryPath(folder))).toBe(false);
});

it('refuses a nodedir that holds no headers', () => {
  const folder = copyPackage('plain', allTools);
  const { status, output } = build(folder, { env: { SAFE_PMEM_NODEDIR: '/nowhere' } });
  expect(status).toBe(1);
  expect(output).toContain('/nowhere');
  expect(existsSync(binaryPath(folder))).toBe(false);
});

it('builds without headers beside node, without network, under a path with a space and a #', () => {
  const folder = copyPackage('a #b c', allTools);
  // node-gyp is found where npm says that its own is, as in a project that has none.
  rmSync(path.join(folder, '..', '..', 'node-gyp'));
  const node = path.join(folder, '..', 'bare-node');
  copyFileSync(process.execPath, node);
  const { status, output } = build(folder, {
    node,
    env: { npm_config_node_gyp: path.join(modules, 'node-gyp', 'bin', 'node-gyp.js') },
  });
  expect(output).toContain(binaryPath(folder));
  expect(status).toBe(0);
  const loaded = spawnSync(process.execPath, ['-p', `typeof require(${JSON.stringify(binaryPath(folder))}).open`], { encoding: 'utf8' });
  expect(loaded).toMatchObject({ stdout: 'function\n', stderr: '' });
}, BUILD_TIMEOUT_MS);
