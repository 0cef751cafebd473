/**
 * Runs suites of `npm run bench` on the DAX filesystem. The processor is emulated: what the numbers say is which way takes a
 * system call, a copy or a flush more than another, not how long anything takes on hardware.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { guestPaths } from '../protocol.js';
import { jobContext, report } from './job-io.js';

export interface BenchInput {
  readonly suites: readonly string[];
}

export type BenchResult = { readonly suites: readonly string[]; readonly results: unknown } | { readonly failure: string };

/** Of what is measured on hardware. */
const share = '0.05';
/** So long nothing is counted: to compile what takes part is a dozen times slower as well. */
const warmUpRounds = '12';
const { mountPoint, input } = jobContext();
const { suites } = input as BenchInput;
const bench = path.join(guestPaths.tree, 'bench');
const results = '/tmp/bench.json';

async function run(): Promise<BenchResult> {
  if (!existsSync(path.join(bench, 'node_modules'))) return { failure: 'what is compared with is not installed: run npm run bench once' };
  const directory = path.join(mountPoint, 'bench');
  mkdirSync(directory);
  const status = await new Promise<number | null>((resolve, reject) => {
    const args = [path.join(bench, 'run.mjs'), '--trials', '1', '--json', results, ...suites];
    const env = {
      ...process.env,
      SAFE_PMEM_BENCH_DIRECTORY: directory,
      SAFE_PMEM_BENCH_SHARE: share,
      SAFE_PMEM_BENCH_WARM_UP_ROUNDS: warmUpRounds,
    };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status !== 0) return { failure: `bench/run.mjs ended with ${status ?? 'a signal'}` };
  return { suites, results: JSON.parse(readFileSync(results, 'utf8')) as unknown };
}

report(await run());
