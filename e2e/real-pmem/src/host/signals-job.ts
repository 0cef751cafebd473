/** The signals job, on arm64: the tests of real signals, with what this machine has cross-compiled for it. */
import path from 'node:path';
import type { SignalsInput } from '../jobs/signals.js';
import { capture } from './command.js';
import type { ReportingJob } from './job.js';
import { UsageError } from './options.js';
import type { Progress } from './progress.js';
import { testJob } from './test-job.js';

const target = 'linux-arm64-glibc';
const sigbus = 'packages/native/test/sigbus';
/**
 * All but optimised-build, which asks how the binary was compiled here, and full-filesystem, which needs a user
 * namespace: the kernel makes none for a process in a chroot.
 */
const testFiles = [
  'truncation', 'poison', 'views', 'memory-failure', 'rescue', 'repair-among-others', 'limits', 'signal-mask',
  'threads', 'many-views', 'many-faults', 'refusals', 'foreign-signals',
] as const;

const cppTests = `packages/native/build/test-programs/${target}/pmem-test`;
const program = 'e2e/installed/programs/five-ways.mjs';
const nodeArguments: readonly string[] = [
  '--import', './e2e/real-pmem/dist/signals/vitest-here.js',
  '--test-reporter', './e2e/real-pmem/dist/jobs/contract-reporter.js',
];

/** The C++ tests of the guard, and the addon in Node.js: beside the names of files. */
const programs = ['cpp', 'five-ways'] as const;

/** `only`: names of programs and test files; empty for all. Throws for a name that is none. */
export function signalsJob(only: readonly string[]): ReportingJob {
  const known: readonly string[] = [...programs, ...testFiles];
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`--case ${unknown.join(', ')}: the signals job has ${known.join(', ')}`);
  }
  const isAsked = (name: string): boolean => only.length === 0 || only.includes(name);
  const input: SignalsInput = {
    cppTests: isAsked('cpp') ? cppTests : undefined,
    program: isAsked('five-ways') ? program : undefined,
    testFiles: testFiles.filter(isAsked).map((name) => `${sigbus}/${name}.test.ts`),
    nodeArguments,
  };
  return { ...testJob('signals'), nodeArguments: [], input };
}

/** Rejects if the compiler for other processors cannot be had. */
export async function buildSignalTests(tree: string, progress: Progress): Promise<void> {
  progress.step(`building the tests of signals for ${target}`);
  const program = path.join(tree, 'packages', 'native', 'release', 'test-programs.mjs');
  await capture(process.execPath, [program, target], { cwd: tree });
}
