/** One boot from kernel to power-off, with every job on one cell's filesystem. */
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DeviceKind, GuestFacts } from '../protocol.js';
import { architectureOf } from './architecture.js';
import { writeDeviceTree } from './arm-machine.js';
import { buildInitramfs, type GuestConfig } from './initramfs.js';
import type { Job } from './job.js';
import { runJob } from './job-run.js';
import type { BootableKernel } from './bootable-kernel.js';
import { cellName, type Cell } from './matrix.js';
import type { Progress } from './progress.js';
import { deviceSizeMiB, expectMessage, GuestLost, runInteractively, VirtualMachine } from './virtual-machine.js';

export interface JobOutcome {
  readonly cell: Cell;
  readonly job: string;
  readonly status: 'passed' | 'failed' | 'did not run';
  readonly summary: string;
  readonly seconds: number;
}

export interface BootEnvironment {
  readonly kernel: BootableKernel;
  readonly runDirectory: string;
  readonly guest: GuestConfig;
  readonly jobs: readonly Job[];
  readonly progress: Progress;
  /** Told of the machine while it runs, so that an interrupted runner takes it along. */
  readonly running: Set<VirtualMachine>;
}

/** How long a guest may say nothing, neither a message nor a line on its console, before it counts as hung. */
export const silenceLimitMs = 300_000;
const powerOffGraceMs = 30_000;

class BootRun {
  readonly #cell: Cell;
  readonly #environment: BootEnvironment;
  readonly outcomes: JobOutcome[] = [];

  constructor(cell: Cell, environment: BootEnvironment) {
    this.#cell = cell;
    this.#environment = environment;
  }

  readonly #step = (text: string): void => {
    this.#environment.progress.step(`${cellName(this.#cell)}: ${text}`);
  };

  #directory(): string {
    const { runDirectory } = this.#environment;
    return path.join(runDirectory, this.#machineChecks() ? `${cellName(this.#cell)}-machine-check` : cellName(this.#cell));
  }

  #machineChecks(): boolean {
    return this.#environment.jobs.some((job) => job.machineChecks === true);
  }

  /** Runs everything; whatever goes wrong becomes the outcome of the jobs concerned. */
  async run(): Promise<void> {
    let machine: VirtualMachine | undefined;
    try {
      machine = await this.#start();
      const facts = await this.#configure(machine);
      await this.#runJobs(machine, facts);
      machine.send({ type: 'poweroff' });
      await machine.stop(powerOffGraceMs);
    } catch (cause) {
      this.#fail(cause);
    } finally {
      machine?.kill();
      await machine?.stop(powerOffGraceMs);
      if (machine !== undefined) this.#environment.running.delete(machine);
      const files = ['initramfs', 'media', 'device-tree'];
      for (const file of files) await rm(path.join(this.#directory(), file), { force: true });
    }
  }

  async #start(): Promise<VirtualMachine> {
    const { kernel, jobs, running } = this.#environment;
    const guest = { ...this.#environment.guest, modules: jobs.flatMap(({ modules = [] }) => modules) };
    const directory = this.#directory();
    const files = await bootFiles(directory, kernel, guest, this.#cell.device);
    this.#step(`booting Linux ${kernel.release}`);
    const serialLog = path.join(directory, 'serial.log');
    const machine = new VirtualMachine({ kernel, device: this.#cell.device, ...files, serialLog, machineChecks: this.#machineChecks() });
    running.add(machine);
    return machine;
  }

  async #configure(machine: VirtualMachine): Promise<GuestFacts> {
    const ready = expectMessage(await machine.receive(silenceLimitMs), 'ready');
    this.#step(`guest is up (${ready.uptimeSeconds.toFixed(1)} s after its kernel started)`);
    machine.send({ type: 'configure', device: this.#cell.device });
    const { facts } = expectMessage(await machine.receive(silenceLimitMs), 'configured');
    const reserved = architectureOf(this.#cell.kernel) === 'arm64' ? 'c0000000.pmem' : 'e820';
    const expectedProvider = this.#cell.device === 'clearable' ? reserved : 'ACPI.NFIT';
    if (facts.kernelRelease !== this.#environment.kernel.release) throw new Error(`the guest runs Linux ${facts.kernelRelease}`);
    if (facts.provider !== expectedProvider) throw new Error(`the device's bus is ${facts.provider}, not ${expectedProvider}`);
    return facts;
  }

  async #runJobs(machine: VirtualMachine, { kernelVersion }: GuestFacts): Promise<void> {
    const cell = this.#cell;
    for (const [index, job] of this.#environment.jobs.entries()) {
      machine.send({ type: 'mount', filesystem: cell.filesystem, hugePages: job.hugePages === true });
      const { mountOptions } = expectMessage(await machine.receive(silenceLimitMs), 'mounted');
      if (index === 0) this.#step(`mounted with ${mountOptions}`);
      this.#step(`${job.name} starts`);
      const startSeconds = this.#environment.progress.elapsedSeconds();
      const end = await runJob(machine, job, { cell, kernelVersion, silenceLimitMs }, (line) => { this.#step(`${job.name}: ${line}`); });
      const seconds = this.#environment.progress.elapsedSeconds() - startSeconds;
      this.outcomes.push({ cell, job: job.name, ...end, seconds });
      this.#step(`${job.name} ${end.status}, ${seconds.toFixed(1)} s${end.summary === '' ? '' : ` (${end.summary})`}`);
    }
  }

  #fail(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#step(`FAILED ${reason}`);
    if (cause instanceof GuestLost) for (const line of cause.serialTail) this.#step(`  console: ${line}`);
    // The job that was running failed; those after it never ran.
    let status: JobOutcome['status'] = 'failed';
    for (const job of this.#environment.jobs.slice(this.outcomes.length)) {
      this.outcomes.push({ cell: this.#cell, job: job.name, status, summary: reason.split('\n')[0] ?? '', seconds: 0 });
      status = 'did not run';
    }
  }
}

/** Runs the cell's jobs: all in one guest, but for those that want machine checks. */
export async function runBoot(cell: Cell, environment: BootEnvironment): Promise<JobOutcome[]> {
  const apart = environment.jobs.filter((job) => job.machineChecks === true);
  const together = environment.jobs.filter((job) => !apart.includes(job));
  const outcomes: JobOutcome[] = [];
  for (const jobs of [together, ...apart.map((job) => [job])]) {
    if (jobs.length === 0) continue;
    const run = new BootRun(cell, { ...environment, jobs });
    await run.run();
    outcomes.push(...run.outcomes);
  }
  return outcomes;
}

/** The outcomes of a boot that never came to be. */
export function skippedOutcomes(cell: Cell, jobs: readonly Job[], reason: string): JobOutcome[] {
  const summary = reason.split('\n')[0] ?? '';
  return jobs.map((job) => ({ cell, job: job.name, status: 'did not run', summary, seconds: 0 }));
}

/** A shell in the guest on this terminal; the exit status of QEMU. */
export async function runShell(cell: Cell, kernel: BootableKernel, guest: GuestConfig, runDirectory: string): Promise<number | null> {
  const { filesystem, device } = cell;
  const directory = path.join(runDirectory, 'shell');
  const files = await bootFiles(directory, kernel, { ...guest, shell: { filesystem, device } }, device);
  return runInteractively({ kernel, device, ...files });
}

/** What a boot needs, in the directory: an initramfs, and a device that nothing has been written to. */
export async function bootFiles(
  directory: string,
  kernel: BootableKernel,
  guest: GuestConfig,
  device: DeviceKind,
): Promise<{ initramfs: string; backingFile: string; deviceTree: string | undefined }> {
  await mkdir(directory, { recursive: true });
  const initramfs = path.join(directory, 'initramfs');
  await buildInitramfs(kernel, guest, initramfs);
  // The device starts without labels or namespaces: a new sparse file every time.
  const backingFile = path.join(directory, 'media');
  await rm(backingFile, { force: true });
  await writeFile(backingFile, '');
  await truncate(backingFile, deviceSizeMiB * 1024 * 1024);
  const hasTree = architectureOf(kernel.series) === 'arm64' && device === 'clearable';
  const deviceTree = hasTree ? path.join(directory, 'device-tree') : undefined;
  if (deviceTree !== undefined) await writeDeviceTree(deviceTree, deviceSizeMiB * 1024 * 1024);
  return { initramfs, backingFile, deviceTree };
}
