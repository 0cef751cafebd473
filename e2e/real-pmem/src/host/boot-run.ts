/** One boot from kernel to power-off: every filesystem of it, every job on each. */
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { GuestFacts, GuestMessage } from '../protocol.js';
import type { Job } from './job.js';
import type { KernelImage } from './kernel-image.js';
import type { Boot, Cell } from './matrix.js';
import { cellsOf } from './matrix.js';
import type { Progress } from './progress.js';
import { buildInitramfs, type GuestConfig } from './initramfs.js';
import { deviceSizeMiB, GuestLost, runInteractively, VirtualMachine } from './virtual-machine.js';

export interface JobOutcome {
  readonly cell: Cell;
  readonly job: string;
  readonly status: 'passed' | 'failed' | 'did not run';
  readonly summary: string;
  readonly seconds: number;
}

export interface BootEnvironment {
  readonly kernel: KernelImage;
  readonly runDirectory: string;
  readonly guest: GuestConfig;
  readonly jobs: readonly Job[];
  readonly progress: Progress;
  /** Told of the machine while it runs, so that an interrupted runner takes it along. */
  readonly running: Set<VirtualMachine>;
}

/** How long a guest may say nothing, neither a message nor a line on its console, before it counts as hung. */
const silenceLimitMs = 180_000;
const powerOffGraceMs = 30_000;

class BootRun {
  readonly #boot: Boot;
  readonly #environment: BootEnvironment;
  readonly #label: string;
  readonly outcomes: JobOutcome[] = [];

  constructor(boot: Boot, environment: BootEnvironment) {
    this.#boot = boot;
    this.#environment = environment;
    this.#label = `${boot.kernel} ${boot.device}`;
  }

  #step(text: string): void {
    this.#environment.progress.step(`${this.#label}: ${text}`);
  }

  #directory(): string {
    return path.join(this.#environment.runDirectory, `${this.#boot.kernel}-${this.#boot.device}`);
  }

  /** Runs everything; whatever goes wrong becomes the outcome of the jobs concerned. */
  async run(): Promise<void> {
    let machine: VirtualMachine | undefined;
    try {
      machine = await this.#start();
      const facts = await this.#configure(machine);
      for (const cell of cellsOf(this.#boot)) await this.#runCell(machine, cell, facts);
      machine.send({ type: 'poweroff' });
      await machine.stop(powerOffGraceMs);
    } catch (cause) {
      this.#fail(cause);
    } finally {
      machine?.kill();
      await machine?.stop(powerOffGraceMs);
      if (machine !== undefined) this.#environment.running.delete(machine);
      for (const file of ['initramfs', 'media']) await rm(path.join(this.#directory(), file), { force: true });
    }
  }

  async #start(): Promise<VirtualMachine> {
    const { kernel, guest, running } = this.#environment;
    const directory = this.#directory();
    const files = await bootFiles(directory, kernel, guest);
    this.#step(`booting Linux ${kernel.release}`);
    const machine = new VirtualMachine({ kernel, device: this.#boot.device, ...files, serialLog: path.join(directory, 'serial.log') });
    running.add(machine);
    return machine;
  }

  async #configure(machine: VirtualMachine): Promise<GuestFacts> {
    const ready = expectMessage(await machine.receive(silenceLimitMs), 'ready');
    this.#step(`guest is up (${ready.uptimeSeconds.toFixed(1)} s after its kernel started)`);
    machine.send({ type: 'configure', device: this.#boot.device });
    const { facts } = expectMessage(await machine.receive(silenceLimitMs), 'configured');
    const expectedProvider = this.#boot.device === 'clearable' ? 'e820' : 'ACPI.NFIT';
    if (facts.kernelRelease !== this.#environment.kernel.release) throw new Error(`the guest runs Linux ${facts.kernelRelease}`);
    if (facts.provider !== expectedProvider) throw new Error(`the device's bus is ${facts.provider}, not ${expectedProvider}`);
    return facts;
  }

  async #runCell(machine: VirtualMachine, cell: Cell, facts: GuestFacts): Promise<void> {
    for (const job of this.#environment.jobs) {
      machine.send({ type: 'mount', filesystem: cell.filesystem });
      const { mountOptions } = expectMessage(await machine.receive(silenceLimitMs), 'mounted');
      this.#step(`${cell.filesystem} mounted (${mountOptions}), ${job.name} starts`);
      const startSeconds = this.#environment.progress.elapsedSeconds();
      const { status, summary } = await this.#runJob(machine, job, cell, facts);
      const seconds = this.#environment.progress.elapsedSeconds() - startSeconds;
      this.outcomes.push({ cell, job: job.name, status, summary, seconds });
      this.#step(`${cell.filesystem} ${job.name} ${status} (${summary}, ${seconds.toFixed(1)} s)`);
    }
  }

  async #runJob(machine: VirtualMachine, job: Job, cell: Cell, facts: GuestFacts): Promise<Pick<JobOutcome, 'status' | 'summary'>> {
    machine.send({ type: 'run', program: job.program, nodeArguments: job.nodeArguments, input: job.input });
    const values: unknown[] = [];
    for (;;) {
      const message = await machine.receive(silenceLimitMs);
      switch (message.type) {
        case 'result': {
          values.push(message.value);
          const line = job.describe(message.value);
          if (line !== undefined) this.#step(`${cell.filesystem}   ${line}`);
          break;
        }
        case 'text':
          this.#step(`${cell.filesystem}   ${message.stream}: ${message.line}`);
          break;
        case 'finished': {
          const verdict = await job.judge(values, cell, facts.kernelVersion);
          for (const line of verdict.failures.flatMap((failure) => failure.split('\n'))) this.#step(`${cell.filesystem}   FAILED ${line}`);
          const ended = message.exitCode === 0 ? [] : [`the program ended with ${message.signal ?? `status ${message.exitCode ?? -1}`}`];
          const failed = verdict.failures.length > 0 || ended.length > 0;
          return { status: failed ? 'failed' : 'passed', summary: [verdict.summary, ...ended].join('; ') };
        }
        default:
          expectMessage(message, 'finished');
      }
    }
  }

  #fail(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#step(`FAILED ${reason}`);
    if (cause instanceof GuestLost) for (const line of cause.serialTail) this.#step(`  console: ${line}`);
    // The job that was running failed; those after it never ran.
    let status: JobOutcome['status'] = 'failed';
    for (const cell of cellsOf(this.#boot)) {
      for (const job of this.#environment.jobs) {
        if (this.outcomes.some((outcome) => outcome.cell.filesystem === cell.filesystem && outcome.job === job.name)) continue;
        this.outcomes.push({ cell, job: job.name, status, summary: reason.split('\n')[0] ?? '', seconds: 0 });
        status = 'did not run';
      }
    }
  }
}

export async function runBoot(boot: Boot, environment: BootEnvironment): Promise<JobOutcome[]> {
  const run = new BootRun(boot, environment);
  await run.run();
  return run.outcomes;
}

/** The outcomes of a boot that never came to be. */
export function skippedOutcomes(boot: Boot, jobs: readonly Job[], reason: string): JobOutcome[] {
  const summary = reason.split('\n')[0] ?? '';
  return cellsOf(boot).flatMap((cell) => jobs.map((job) => ({ cell, job: job.name, status: 'did not run', summary, seconds: 0 })));
}

/** A shell in the guest on this terminal; the exit status of QEMU. */
export async function runShell(boot: Boot, kernel: KernelImage, guest: GuestConfig, runDirectory: string): Promise<number | null> {
  const filesystem = boot.filesystems[0];
  if (filesystem === undefined) throw new Error('no filesystem is selected');
  const config = { ...guest, shell: { filesystem, device: boot.device } };
  const files = await bootFiles(path.join(runDirectory, 'shell'), kernel, config);
  return runInteractively({ kernel, device: boot.device, ...files });
}

async function bootFiles(directory: string, kernel: KernelImage, guest: GuestConfig): Promise<{ initramfs: string; backingFile: string }> {
  await mkdir(directory, { recursive: true });
  const initramfs = path.join(directory, 'initramfs');
  await buildInitramfs(kernel, guest, initramfs);
  // The device starts without labels or namespaces: a new sparse file every time.
  const backingFile = path.join(directory, 'media');
  await rm(backingFile, { force: true });
  await writeFile(backingFile, '');
  await truncate(backingFile, deviceSizeMiB * 1024 * 1024);
  return { initramfs, backingFile };
}

function expectMessage<T extends GuestMessage['type']>(message: GuestMessage, type: T): Extract<GuestMessage, { type: T }> {
  if (message.type === 'failed') throw new Error(`in the guest: ${message.error}`);
  if (message.type !== type) throw new Error(`expected the message ${type} from the guest, got ${JSON.stringify(message)}`);
  return message as Extract<GuestMessage, { type: T }>;
}
