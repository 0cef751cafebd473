/** What is refused as a published binary, shown on the one that the compiler of this machine has made. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { inspectBinary } from '../release/binary-facts.mjs';
import { localBinary, targetOf } from '../scripts/target.mjs';
import { packageFolder } from './scratch.js';

const built = readFileSync(localBinary(packageFolder));
const other = targetOf({ arch: process.arch === 'x64' ? 'arm64' : 'x64' });

it('refuses a binary that needs the C++ library of this machine and is not stripped, but knows its two exports', () => {
  const { problems } = inspectBinary(built, targetOf());
  expect(problems).toContain('it needs libstdc++.so.6');
  expect(problems).toContain('it is not stripped');
  expect(problems.join()).toMatch(/it asks for GLIBCXX_/);
  expect(problems.join()).not.toMatch(/exports|-z|it is for/);
});

it('refuses a binary of another architecture, and one for musl that has symbols of glibc', () => {
  expect(inspectBinary(built, other).problems).toContain(`it is for ${process.arch}`);
  expect(inspectBinary(built, `linux-${process.arch}-musl`).problems.join()).toMatch(/it needs libc\.so\.6.*it asks for GLIBC_/);
});

it('refuses a library that exports more than an addon has to', () => {
  const injector = readFileSync(path.join(packageFolder, 'build', 'Release', 'fault_injector.node'));

  const text = inspectBinary(injector, targetOf()).problems.join();
  expect(text).not.toContain('it exports');
  const renamed = Buffer.from(injector.toString('latin1').replaceAll('node_api_module_get_api_version_v1', 'node_api_module_get_api_version_v2'), 'latin1');
  expect(inspectBinary(renamed, targetOf()).problems.join()).toContain('it exports napi_register_module_v1, node_api_module_get_api_version_v2');
});

/** malloc in the handler of a thread that was interrupted in malloc waits for ever; musl allocates when it loads. */
it.runIf(targetOf().endsWith('glibc'))('finds no thread-local variable that a signal handler would allocate', () => {
  const injector = readFileSync(path.join(packageFolder, 'build', 'Release', 'fault_injector.node'));
  for (const library of [built, injector]) {
    expect(inspectBinary(library, targetOf()).problems.join()).not.toContain('malloc');
  }
});

it('refuses a binary that wants a symbol which no library promises, with a version or without', () => {
  const renamed = (from: string, to: string): string =>
    inspectBinary(Buffer.from(built.toString('latin1').replaceAll(from, to), 'latin1'), targetOf()).problems.join();
  expect(inspectBinary(built, targetOf()).problems.join()).not.toContain('no library promises');
  const problems = renamed('napi_create_function', 'nope_create_function');
  expect(problems).toContain('no library promises it nope_create_function');
  const forMusl = inspectBinary(built, `linux-${process.arch}-musl`).problems.join();
  expect(forMusl).not.toContain('no library promises it napi');
});

it.each([['empty', Buffer.alloc(0)], ['text', Buffer.from('text '.repeat(40))], ['half', built.subarray(0, 2000)]])(
  'refuses what is no library: %s',
  (_, bytes) => { expect(inspectBinary(bytes, targetOf()).problems).toHaveLength(1); },
);
