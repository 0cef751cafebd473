/** The command line. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { DeviceKind, Filesystem } from '../protocol.js';
import { architectureOf, parseKernelName } from './architecture.js';
import { zeroinitName, type Selection } from './matrix.js';

const ordinaryJobs = ['smoke', 'contract', 'repair', 'cost', 'command', 'traces', 'fuzz'] as const;
/**
 * In the order in which they run. signals is for arm64 (npm test has it on this machine). zero-range and power-off are for our own kernel, and run by themselves only there. machine-check
 * runs where the matrix says so. filesystems needs programs of its own, and bench says how fast things are, not whether
 * they are right: they have to be asked for.
 */
const jobNames = [
  ...ordinaryJobs, 'signals', 'zero-range', 'power-off', 'machine-check', 'filesystems', 'bench',
] as const;
/** What there is for arm64. Other jobs compare with recordings of x86-64, or need programs that are not there. */
const armJobs: readonly JobName[] = ['smoke', 'contract', 'signals'];
export type JobName = (typeof jobNames)[number];

export interface Options {
  readonly selection: Selection;
  readonly jobs: readonly JobName[];
  /** The jobs are those of the command line, not the usual ones. */
  readonly jobsAsked: boolean;
  /** Everything that there are recordings of, not the default matrix. */
  readonly all: boolean;
  /** The default matrix, narrowed by what else is asked for. */
  readonly narrowsDefault: boolean;
  readonly keep: boolean;
  readonly shell: boolean;
  readonly list: boolean;
  readonly help: boolean;
  /** Names of scenarios; empty for all. */
  readonly scenarios: readonly string[];
  /** Names of the machine-check job's cases, or of the signals job's programs and files; empty for all. */
  readonly cases: readonly string[];
  readonly record: boolean;
  readonly refresh: boolean;
  /** Of the fuzz job. */
  readonly seed: number;
  /** How many random sequences the fuzz job runs on each cell. */
  readonly sequences: number;
  /** Guests that run at the same time. */
  readonly parallel: number;
}

const defaultSeed = 1;
const defaultSequences = 500;
/** Each keeps a processor busy. */
const mostGuests = 2;

export const usage = `npm run test:real-pmem -- [options]

  --kernel VERSION      a kernel series of Debian: 6.1, 6.12, 5.10, 7.3 … (repeatable; default 6.1 and 6.12)
                        or zeroinit, which is built here: Linux 6.12 with our patches (zeroinit-kernel/README.md)
                        or 6.12-arm64 and 6.12-arm64-16k, an arm64 machine with pages of 4 and of 16 KiB
  --fs ext4|xfs         one filesystem (repeatable; default both)
  --device clearable|unclearable
                        one kind of device (repeatable; default: clearable, and unclearable too on 6.12 and zeroinit)
  --job smoke|contract|repair|cost|command|traces|fuzz|signals|zero-range|power-off|machine-check|filesystems|bench
                        one job (repeatable; default the first seven; zero-range and power-off too if --kernel zeroinit is given;
                        on arm64 there are smoke, contract and signals)
  --all                 every kernel, filesystem and device that there are recordings of, with all jobs that were recorded there;
                        without it, and without any of the above, a selection that takes less than ten minutes
  --default             that selection, narrowed by the options above
  --scenario NAME       one scenario of the traces job (repeatable; default all; --record then keeps the others)
  --case NAME           one case of the machine-check job (repeatable; default all; --record then keeps the others),
                        or of the signals job: cpp, five-ways, or a test file without its ending
  --record              write what was recorded over the committed traces and machine-check recordings
  --seed NUMBER         of the fuzz job's random sequences (default: ${defaultSeed})
  --sequences NUMBER    how many of them on each cell (default: ${defaultSequences})
  --parallel NUMBER     guests that run at the same time (default: ${mostGuests}, or 1 on a single processor)
  --keep                leave the serial log and the fresh traces of every boot, and say where
  --shell               a root shell in the guest instead of jobs, on the first cell that the options select
  --refresh             look for a newer kernel package instead of using the cached one
  --list                print the cells and jobs that would run, and stop
  --help                this text
`;

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

function oneOf<T extends string>(option: string, allowed: readonly T[], values: readonly string[]): T[] {
  return values.map((value) => {
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) throw new UsageError(`--${option} ${value}: expected ${allowed.join(' or ')}`);
    return found;
  });
}

/** Throws UsageError for anything that it does not know. */
export function parseOptions(args: readonly string[]): Options {
  const parsed = parse(args);
  const kernels = parsed.kernel ?? [];
  for (const kernel of kernels) {
    if (kernel !== zeroinitName && parseKernelName(kernel) === undefined) {
      throw new UsageError(`--kernel ${kernel}: expected a series such as 6.12, or ${zeroinitName}`);
    }
  }
  const jobs = oneOf('job', jobNames, parsed.job ?? []);
  refuseMixedProcessors(kernels, jobs);
  if (parsed.all === true && parsed.default === true) throw new UsageError('--all and --default: only one of them');
  return {
    selection: {
      kernels,
      devices: oneOf<DeviceKind>('device', ['clearable', 'unclearable'], parsed.device ?? []),
      filesystems: oneOf<Filesystem>('fs', ['ext4', 'xfs'], parsed.fs ?? []),
    },
    jobs: jobs.length > 0 ? jobNames.filter((name) => jobs.includes(name)) : usualJobs(kernels),
    jobsAsked: jobs.length > 0,
    all: parsed.all ?? false,
    narrowsDefault: parsed.default ?? false,
    keep: parsed.keep ?? false,
    shell: parsed.shell ?? false,
    list: parsed.list ?? false,
    help: parsed.help ?? false,
    scenarios: parsed.scenario ?? [],
    cases: parsed.case ?? [],
    record: parsed.record ?? false,
    refresh: parsed.refresh ?? false,
    seed: count('seed', parsed.seed, defaultSeed),
    sequences: count('sequences', parsed.sequences, defaultSequences),
    parallel: Math.max(1, count('parallel', parsed.parallel, Math.min(mostGuests, availableParallelism()))),
  };
}

function usualJobs(kernels: readonly string[]): readonly JobName[] {
  if (kernels.length > 0 && kernels.every(isForArm)) return armJobs;
  return kernels.includes(zeroinitName) ? [...ordinaryJobs, 'zero-range', 'power-off'] : ordinaryJobs;
}

const isForArm = (kernel: string): boolean => architectureOf(kernel) === 'arm64';

function refuseMixedProcessors(kernels: readonly string[], jobs: readonly JobName[]): void {
  const arm = kernels.some(isForArm);
  if (arm && !kernels.every(isForArm)) throw new UsageError('--kernel: kernels for arm64 and for x86-64 run apart');
  const wrong = jobs.find((job) => (arm ? !armJobs.includes(job) : job === 'signals'));
  if (wrong !== undefined) throw new UsageError(`--job ${wrong}: not with kernels for ${arm ? 'arm64' : 'x86-64'}`);
}

function count(option: string, value: string | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (!/^\d{1,9}$/.test(value)) throw new UsageError(`--${option} ${value}: expected a number`);
  return Number(value);
}

function parse(args: readonly string[]) {
  const many = { type: 'string', multiple: true } as const;
  const one = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        kernel: many, fs: many, device: many, job: many, scenario: many, case: many, seed: one, sequences: one, parallel: one,
        all: flag, default: flag, keep: flag, shell: flag, list: flag, help: flag, record: flag, refresh: flag,
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
