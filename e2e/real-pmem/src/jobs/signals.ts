/**
 * The tests behind which a real SIGBUS is, run by the guest's own kernel and processor: the C++ tests of the guard, the
 * shipped addon in Node.js, and the programs of packages/native/test/sigbus.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { LineSplitter } from '../line-splitter.js';
import { resultDescriptor } from '../protocol.js';
import type { ContractResult } from './contract-reporter.js';
import { jobContext, report } from './job-io.js';

export interface SignalsInput {
  /** Paths in the tree; undefined: not asked for. */
  readonly cppTests: string | undefined;
  readonly program: string | undefined;
  readonly testFiles: readonly string[];
  readonly nodeArguments: readonly string[];
}

const context = jobContext();
const input = context.input as SignalsInput;
const tree = process.cwd();
/** An emulated processor takes a hundred times as long, and more beside others. */
const limitSeconds = 900;

function tell(result: ContractResult): void {
  report(result);
}

/** It needs a user namespace, and the kernel makes none for a process in a chroot. */
const withoutNamespace = 'if no user is mapped the owner of a file is known to that user alone';

/** They print `ok NAME` or `FAIL NAME`, and make their files below `build`. */
function runCppTests(cppTests: string): Promise<void> {
  mkdirSync(path.join(context.mountPoint, 'build'), { recursive: true });
  return new Promise((resolve) => {
    const child = spawn(path.join(tree, cppTests), [withoutNamespace], {
      cwd: context.mountPoint,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, SAFE_PMEM_TEST_LIMIT_S: String(limitSeconds) },
    });
    let started = performance.now();
    let said = '';
    let finished = false;
    let anyFailed = false;
    const lines = new LineSplitter((line) => {
      const [, verdict, name] = /^(ok|FAIL) +(.*)$/.exec(line) ?? [];
      finished ||= /^\d+ passed, \d+ failed$/.test(line);
      if (verdict === undefined || name === undefined) return;
      anyFailed ||= verdict === 'FAIL';
      const seconds = (performance.now() - started) / 1000;
      tell({ test: `C++ › ${name}`, ok: verdict === 'ok', seconds, error: verdict === 'ok' ? '' : said });
      started = performance.now();
      said = '';
    });
    child.stdout.on('data', (chunk: Buffer) => { lines.push(chunk); });
    child.stderr.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4000); });
    child.on('error', (cause) => { said += cause.message; });
    child.on('close', (code, signal) => {
      lines.end();
      const error = `${signal ?? String(code)}\n${said}`;
      const isWhole = finished && (code === 0 || anyFailed);
      if (!isWhole) tell({ test: 'C++ tests ran to their end', ok: false, seconds: 0, error });
      resolve();
    });
  });
}

function runFiveWays(program: string): void {
  const args = [path.join(tree, program), context.mountPoint];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const caught = '"caught":["guarded read","short read","number","short write","view"]';
  const ok = status === 0 && stdout.includes(caught);
  const test = 'a truncation is caught by each of the five ways';
  tell({ test: `addon › ${test}${ok ? `: ${stdout.trim()}` : ''}`, ok, seconds: 0, error: ok ? '' : stdout + stderr });
}

/** Their files lie on the DAX filesystem, or on tmpfs; results come from the reporter in the process. */
function runTestFile(file: string): void {
  const stdio = ['ignore', 'pipe', 'pipe', resultDescriptor] as const;
  const env = { ...process.env, TMPDIR: context.mountPoint, SAFE_PMEM_TEST_LIMIT_MS: String(limitSeconds * 1000) };
  const args = [...input.nodeArguments, path.join(tree, file)];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { stdio: [...stdio], env });
  if (status === 0) return;
  const error = `${signal ?? String(status)}\n${stdout.toString()}${stderr.toString().slice(-4000)}`;
  tell({ test: `${file} ends well`, ok: false, seconds: 0, error });
}

if (input.cppTests !== undefined) await runCppTests(input.cppTests);
if (input.program !== undefined) runFiveWays(input.program);
for (const file of input.testFiles) runTestFile(file);
