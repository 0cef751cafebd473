/**
 * Power cuts in the middle of zero-ranges: QEMU is killed while a job works, and the next boot, on the same device,
 * checks the filesystem and every file. Only on the device that a file of the host backs: the other is memory of QEMU.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PowerOffInput, WorkReport } from '../jobs/power-off-plan.js';
import { bootFiles, silenceLimitMs, type BootEnvironment, type JobOutcome } from './boot-run.js';
import type { ReportingJob } from './job.js';
import { runJob } from './job-run.js';
import { cellName, type Cell } from './matrix.js';
import type { JobName } from './options.js';
import { expectMessage, VirtualMachine } from './virtual-machine.js';

/** Each a seed of its own: other calls, and another moment of the cut. */
const rounds = [1, 2, 3];
export const powerOffProgram = 'e2e/real-pmem/dist/jobs/power-off.js';

/** Whether the job is asked for, and can run on the cell. */
export function cutsPower({ device }: Cell, jobs: readonly JobName[]): boolean {
  return device === 'unclearable' && jobs.includes('power-off');
}

interface Complaint {
  readonly name: string;
  readonly wrong: string;
}

/** A job for runJob(): every result is a complaint. */
function checkJob(input: PowerOffInput): ReportingJob {
  return {
    name: 'power-off',
    program: powerOffProgram,
    nodeArguments: [],
    input,
    describe: () => undefined,
    judge: (values) => {
      const complaints = values as readonly Complaint[];
      return Promise.resolve({ summary: '', failures: complaints.map(({ name, wrong }) => `${name} ${wrong}`) });
    },
  };
}

type BootFiles = Awaited<ReturnType<typeof bootFiles>>;

class PowerOffRun {
  readonly #cell: Cell;
  readonly #environment: BootEnvironment;
  readonly #files: BootFiles;
  readonly #directory: string;
  #boots = 0;

  constructor(cell: Cell, environment: BootEnvironment, directory: string, files: BootFiles) {
    this.#cell = cell;
    this.#environment = environment;
    this.#directory = directory;
    this.#files = files;
  }

  /** A guest with the filesystem mounted: a new one, or the one that the last boot left. */
  async #boot(keep: boolean): Promise<VirtualMachine> {
    const { kernel, running } = this.#environment;
    const serialLog = path.join(this.#directory, `serial-${++this.#boots}.log`);
    const machine = new VirtualMachine({ kernel, device: this.#cell.device, ...this.#files, serialLog });
    running.add(machine);
    try {
      expectMessage(await machine.receive(silenceLimitMs), 'ready');
      machine.send({ type: 'configure', device: this.#cell.device, keep });
      expectMessage(await machine.receive(silenceLimitMs), 'configured');
      machine.send({ type: 'mount', filesystem: this.#cell.filesystem, keep });
      expectMessage(await machine.receive(silenceLimitMs), 'mounted');
      return machine;
    } catch (cause) {
      await this.#end(machine);
      throw cause;
    }
  }

  async #end(machine: VirtualMachine): Promise<void> {
    machine.kill();
    await machine.stop(0);
    this.#environment.running.delete(machine);
  }

  /** Works until the power goes: how far it came. */
  async #workUntilCut(seed: number): Promise<{ begun: number; done: number }> {
    const machine = await this.#boot(false);
    const progress = { begun: -1, done: -1 };
    const cutAt = 5 + ((seed * 17) % 40);
    try {
      const input: PowerOffInput = { phase: 'work', seed };
      machine.send({ type: 'run', program: powerOffProgram, nodeArguments: [], input });
      while (progress.begun < cutAt) {
        const { value } = expectMessage(await machine.receive(silenceLimitMs), 'result');
        const report = value as WorkReport;
        if ('begin' in report) progress.begun = report.begin;
        if ('done' in report) progress.done = report.done;
      }
      // Long enough for the call to have reached the kernel; what it has done by then is left to chance.
      await delay(seed * 4);
    } finally {
      await this.#end(machine);
    }
    return progress;
  }

  async round(seed: number, note: (line: string) => void): Promise<boolean> {
    const progress = await this.#workUntilCut(seed);
    note(`the power went in call ${progress.begun}`);
    const machine = await this.#boot(true);
    try {
      const input = { phase: 'check', seed, done: progress.done } as const;
      const end = await runJob(machine, checkJob(input), { cell: this.#cell, kernelVersion: '', silenceLimitMs }, note);
      return end.status === 'passed';
    } finally {
      await this.#end(machine);
    }
  }
}

export async function runPowerOff(cell: Cell, environment: BootEnvironment): Promise<JobOutcome> {
  const { progress, runDirectory, kernel, guest } = environment;
  const note = (line: string): void => { progress.step(`${cellName(cell)}: power-off: ${line}`); };
  const startSeconds = progress.elapsedSeconds();
  const failures: string[] = [];
  const directory = path.join(runDirectory, `${cellName(cell)}-power-off`);
  for (const seed of rounds) {
    try {
      const run = new PowerOffRun(cell, environment, directory, await bootFiles(directory, kernel, guest, cell.device));
      if (!(await run.round(seed, note))) failures.push(`seed ${seed}`);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      note(`FAILED ${reason}`);
      failures.push(`seed ${seed}: ${reason.split('\n')[0] ?? ''}`);
    }
  }
  for (const file of ['initramfs', 'media']) await rm(path.join(directory, file), { force: true });
  return {
    cell,
    job: 'power-off',
    status: failures.length > 0 ? 'failed' : 'passed',
    summary: failures.length > 0 ? failures.join('; ') : `${rounds.length} power cuts`,
    seconds: progress.elapsedSeconds() - startSeconds,
  };
}
