/** `npm run test:real-pmem`: boots the selected kernels one after the other and runs the jobs on real DAX filesystems. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runBoot, runShell, skippedOutcomes, type JobOutcome } from './boot-run.js';
import { cacheDirectory } from './cache.js';
import { CommandError } from './command.js';
import { DebianArchive } from './debian-archive.js';
import { fuzzJob } from './fuzz-job.js';
import type { GuestConfig } from './initramfs.js';
import type { Job } from './job.js';
import { kernelImage } from './kernel-image.js';
import { cellName, cellsOf, planBoots } from './matrix.js';
import { parseOptions, UsageError, usage, type Options } from './options.js';
import { ensurePrerequisites } from './prerequisites.js';
import { progressOn } from './progress.js';
import { SetupError } from './setup-error.js';
import { contractJob } from './contract-job.js';
import { repairJob } from './repair-job.js';
import { smokeJob } from './smoke-job.js';
import { allPassed, summaryTable } from './summary.js';
import { tracesJob } from './traces-job.js';
import type { VirtualMachine } from './virtual-machine.js';

const tree = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function guestConfig(): Promise<GuestConfig> {
  return {
    tree: await realpath(tree),
    agent: 'e2e/real-pmem/dist/guest/agent.js',
    node: await realpath(process.execPath),
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
    tracesJob({ tree, runDirectory, record: options.record, only: options.scenarios }),
    fuzzJob({ seed: options.seed, sequences: options.sequences }),
  ];
  const selected = jobs.filter((job) => options.jobs.includes(job.name));
  for (const { program } of selected) {
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

async function main(options: Options): Promise<number> {
  const boots = planBoots(options.selection);
  if (options.list) {
    for (const cell of boots.flatMap(cellsOf)) print(`${cellName(cell)}: ${options.jobs.join(', ')}`);
    return 0;
  }
  const progress = progressOn(print);
  await ensurePrerequisites(progress);
  const cache = cacheDirectory();
  const runDirectory = await runDirectoryIn(cache);
  const jobs = selectedJobs(options, runDirectory);
  const archive = new DebianArchive(cache, progress);
  const guest = await guestConfig();
  const running = new Set<VirtualMachine>();
  endMachinesWithProcess(running);

  const outcomes: JobOutcome[] = [];
  for (const boot of options.shell ? boots.slice(0, 1) : boots) {
    try {
      const kernel = await kernelImage(boot.kernel, { cacheDirectory: cache, refresh: options.refresh, archive, progress });
      if (options.shell) return (await runShell(boot, kernel, guest, runDirectory)) ?? 1;
      outcomes.push(...(await runBoot(boot, { kernel, runDirectory, guest, jobs, progress, running })));
    } catch (cause) {
      if (!(cause instanceof SetupError || cause instanceof CommandError)) throw cause;
      progress.step(`${boot.kernel} ${boot.device}: FAILED ${cause.message}`);
      outcomes.push(...skippedOutcomes(boot, jobs, cause.message));
    }
  }
  await archive.forgetLists();
  const passed = allPassed(outcomes, boots.flatMap(cellsOf).length * jobs.length);
  print(`\n${summaryTable(outcomes)}\n`);
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
