/** `npm run test:real-pmem`: boots a guest for each selected cell, a few at a time, and runs the jobs on real DAX filesystems. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { architectureOf } from './architecture.js';
import { armUserland, type ArmUserland } from './arm-userland.js';
import { cutsPower, powerOffProgram, runPowerOff } from './power-off-run.js';
import { runBoot, runShell, skippedOutcomes, type JobOutcome } from './boot-run.js';
import { cacheDirectory } from './cache.js';
import { CommandError } from './command.js';
import { DebianArchive } from './debian-archive.js';
import { fuzzJob } from './fuzz-job.js';
import type { GuestConfig } from './initramfs.js';
import type { Job } from './job.js';
import type { BootableKernel } from './bootable-kernel.js';
import { filesystemDirectories, kernelImage } from './kernel-image.js';
import { inLanes } from './lanes.js';
import { cellName, type Cell } from './matrix.js';
import { parseOptions, UsageError, usage, type Options } from './options.js';
import { ensurePrerequisites } from './prerequisites.js';
import { progressOn, SaidLines } from './progress.js';
import { SetupError } from './setup-error.js';
import { benchJob } from './bench-job.js';
import { plannedRuns } from './default-matrix.js';
import { machineCheckJob } from './machine-check-job.js';
import { buildSignalTests, signalsJob } from './signals-job.js';
import { smokeJob } from './smoke-job.js';
import { allPassed, summaryTable } from './summary.js';
import { commandJob, contractJob, costJob, filesystemsJob, repairJob, zeroRangeJob } from './test-job.js';
import { tracesJob } from './traces-job.js';
import type { VirtualMachine } from './virtual-machine.js';

const tree = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function guestConfig(arm: ArmUserland | undefined): Promise<GuestConfig> {
  return {
    tree: await realpath(tree),
    agent: 'e2e/real-pmem/dist/guest/agent.js',
    node: await realpath(arm?.node ?? process.execPath),
    userland: arm === undefined ? undefined : await realpath(arm.root),
    initScript: path.join(tree, 'e2e', 'real-pmem', 'src', 'guest', 'init.sh'),
  };
}

async function runDirectoryIn(cache: string): Promise<string> {
  await mkdir(path.join(cache, 'runs'), { recursive: true });
  return mkdtemp(path.join(cache, 'runs', `${new Date().toISOString().replace(/[:.]/g, '-')}-`));
}

function selectedJobs(options: Options, runDirectory: string): Job[] {
  const jobs = [
    smokeJob,
    contractJob,
    repairJob,
    costJob,
    commandJob,
    ...(options.jobs.includes('signals') ? [signalsJob(options.cases)] : []),
    tracesJob({ tree, runDirectory, record: options.record, only: options.scenarios }),
    fuzzJob({ seed: options.seed, sequences: options.sequences, runDirectory }),
    machineCheckJob({ tree, runDirectory, record: options.record, only: options.cases }),
    zeroRangeJob,
    filesystemsJob,
    benchJob,
  ];
  const names = plannedRuns(options).flatMap((run) => run.jobs);
  const selected = jobs.filter((job) => names.includes(job.name));
  for (const { program } of [...selected, { program: powerOffProgram }]) {
    if (!existsSync(path.join(tree, program))) throw new SetupError(`${program} is not built`, 'npm run build');
  }
  return selected;
}

function endMachinesWithProcess(running: ReadonlySet<VirtualMachine>): void {
  process.on('exit', () => {
    for (const machine of running) machine.kill();
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
}

/** The kernel of every series that is needed; what is wrong where there is none. */
async function kernelsOf(cells: readonly Cell[], fetch: (series: string) => Promise<BootableKernel>): Promise<Map<string, BootableKernel | Error>> {
  const kernels = new Map<string, BootableKernel | Error>();
  for (const series of new Set(cells.map(({ kernel }) => kernel))) {
    try {
      kernels.set(series, await fetch(series));
    } catch (cause) {
      if (!(cause instanceof SetupError || cause instanceof CommandError)) throw cause;
      kernels.set(series, cause);
    }
  }
  return kernels;
}

async function main(options: Options): Promise<number> {
  const runs = plannedRuns(options);
  if (runs.length === 0) throw new UsageError('there is nothing like that to run');
  if (options.list) {
    for (const run of runs) print(`${cellName(run.cell)}: ${run.jobs.join(', ')}`);
    return 0;
  }
  const cells = runs.map((run) => run.cell);
  const said = new SaidLines();
  const progress = progressOn((line) => {
    print(line);
    said.add(line);
  });
  const isArm = cells.some(({ kernel }) => architectureOf(kernel) === 'arm64');
  const hasFilesystems = runs.some((run) => run.jobs.includes('filesystems'));
  await ensurePrerequisites(progress, isArm ? ['x64', 'arm64'] : ['x64'], hasFilesystems);
  const cache = cacheDirectory();
  const runDirectory = await runDirectoryIn(cache);
  said.keepIn(path.join(runDirectory, 'progress.log'));
  const jobs = selectedJobs(options, runDirectory);
  const archive = new DebianArchive(cache, progress);
  const arm = isArm ? await armUserland({ tree, cacheDirectory: cache, archive, progress }) : undefined;
  const guest = await guestConfig(arm);
  if (jobs.some(({ name }) => name === 'signals')) await buildSignalTests(tree, progress);
  const running = new Set<VirtualMachine>();
  endMachinesWithProcess(running);
  const selected = options.shell ? cells.slice(0, 1) : cells;
  const kernels = await kernelsOf(selected, (series) => kernelImage(series, {
    tree, cacheDirectory: cache, refresh: options.refresh, archive, progress,
    directories: hasFilesystems ? filesystemDirectories : [],
  }));
  await archive.forgetLists();

  const jobsOf = (cell: Cell): Job[] => jobs.filter(({ name }) => runs.some((run) => run.cell === cell && run.jobs.includes(name)));
  const runCell = async (cell: Cell): Promise<JobOutcome[]> => {
    const kernel = kernels.get(cell.kernel);
    const own = jobsOf(cell);
    if (kernel !== undefined && !(kernel instanceof Error)) {
      const environment = { kernel, runDirectory, guest, jobs: own, progress, running };
      const outcomes = own.length > 0 ? await runBoot(cell, environment) : [];
      return cutsPower(cell, options.jobs) ? [...outcomes, await runPowerOff(cell, environment)] : outcomes;
    }
    const reason = kernel?.message ?? 'no kernel';
    progress.step(`${cellName(cell)}: FAILED ${reason}`);
    if (kernel instanceof SetupError && kernel.remedy !== undefined) progress.step(`${cellName(cell)}: try: ${kernel.remedy}`);
    return skippedOutcomes(cell, own, reason);
  };
  const [first] = selected;
  if (options.shell && first !== undefined) {
    const kernel = kernels.get(first.kernel);
    if (kernel === undefined || kernel instanceof Error) throw kernel ?? new Error('no kernel');
    return (await runShell(first, kernel, guest, runDirectory)) ?? 1;
  }
  const outcomes = (await inLanes(selected, options.parallel, runCell)).flat();
  const powerCuts = cells.filter((cell) => cutsPower(cell, options.jobs)).length;
  const passed = allPassed(outcomes, cells.reduce((sum, cell) => sum + jobsOf(cell).length, powerCuts));
  print(`\n${summaryTable(outcomes)}\n`);
  if (!passed) for (const line of said.failures()) print(line);
  if (options.keep || !passed) print(`logs: ${runDirectory}`);
  else await rm(runDirectory, { recursive: true, force: true });
  print(`${passed ? 'passed' : 'FAILED'} in ${progress.elapsedSeconds().toFixed(0)} s`);
  return passed ? 0 : 1;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) print(usage);
  process.exitCode = options.help ? 0 : await main(options);
} catch (cause) {
  process.exitCode = 2;
  if (cause instanceof UsageError) process.stderr.write(`${cause.message}\n\n${usage}`);
  else if (cause instanceof SetupError) {
    process.stderr.write(`cannot run: ${cause.message}\n${cause.remedy === undefined ? '' : `try: ${cause.remedy}\n`}`);
  } else throw cause;
}
