/** Programs in C++ that are measured against: compiled when they are needed, by the compiler that built the addon. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

const here = import.meta.dirname;

/** Compiles `bench/programs/<name>.cc`, with sources of packages/native/cpp/pmem, and returns what calls it: arguments in, JSON out. */
export function nativeProgram(name, sources = []) {
  const build = path.join(here, 'build');
  mkdirSync(build, { recursive: true });
  const binary = path.join(build, name);
  const core = path.join(here, '..', 'packages', 'native', 'cpp', 'pmem');
  const files = [path.join(here, 'programs', `${name}.cc`), ...sources.map((source) => path.join(core, source))];
  run(process.env.CXX ?? 'g++', ['-O2', '-std=c++17', '-I', core, '-o', binary, ...files]);
  return (...args) => JSON.parse(run(binary, args.map(String)));
}

function run(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.error?.message ?? done.stderr}`);
  return done.stdout;
}
