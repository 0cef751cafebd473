/** One running QEMU: its serial console goes to a log, its virtio port carries messages, its end is noticed. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Duplex } from 'node:stream';
import { LineSplitter } from '../line-splitter.js';
import type { DeviceKind, GuestMessage, HostMessage } from '../protocol.js';
import { portName } from '../protocol.js';
import { architectureOf, type Architecture } from './architecture.js';
import { armArguments, armEmulator } from './arm-machine.js';
import { DebugStub } from './debug-stub.js';
import { MachineCheckInjector, type ErrorInjector } from './error-injector.js';
import type { BootableKernel } from './bootable-kernel.js';
import { programPath } from './prerequisites.js';
import { QemuMonitor } from './qemu-monitor.js';
import { WakeUp } from './wake-up.js';

export interface MachineSpec {
  readonly kernel: BootableKernel;
  readonly initramfs: string;
  readonly device: DeviceKind;
  /** A sparse file that backs the unclearable device. */
  readonly backingFile: string;
  /** Of an arm64 machine with the clearable device, which is in it. */
  readonly deviceTree?: string | undefined;
  readonly serialLog: string;
  /** With a processor that reports memory errors, and QEMU's monitor and debugger stub to make them. */
  readonly machineChecks?: boolean | undefined;
}

/** The guest stopped answering: it panicked, powered off or hung. `serialTail` is what its console said last. */
export class GuestLost extends Error {
  readonly serialTail: readonly string[];

  constructor(message: string, serialTail: readonly string[]) {
    super(message);
    this.name = 'GuestLost';
    this.serialTail = serialTail;
  }
}

/** Memory is mapped in sections of 128 MiB, and mkfs.xfs refuses less than 300 MiB. */
export const deviceSizeMiB = 384;
const tailLines = 40;

const intelProcessor = 'max,vendor=GenuineIntel,family=6,model=85,stepping=4';

/** Arguments that both the interactive and the scripted guest share. */
export function machineArguments(spec: Omit<MachineSpec, 'serialLog'>): string[] {
  const { initramfs, deviceTree, kernel: { bootImage } } = spec;
  const unclearable = spec.device === 'unclearable';
  const size = `${deviceSizeMiB}M`;
  const nvdimm = [
    '-object', `memory-backend-file,id=media,share=on,mem-path=${spec.backingFile.replaceAll(',', ',,')},size=${size}`,
    '-device', 'nvdimm,id=nvdimm0,memdev=media',
  ];
  if (architectureOf(spec.kernel.series) === 'arm64') return armArguments({ bootImage, initramfs, deviceTree, nvdimm });
  const memory = unclearable
    ? ['-machine', 'pc,nvdimm=on', '-m', '2G,slots=2,maxmem=4G', ...nvdimm]
    : ['-machine', 'pc', '-m', '3G'];
  // memmap=SIZE!START turns memory at START into a legacy pmem device.
  const reserve = unclearable ? '' : `memmap=${size}!2G `;
  // Only of Intel's processors does the kernel believe that a load can be told of its error. What it does against their
  // other faults would make an emulated one slower still.
  const [processor, unhindered] = spec.machineChecks === true ? [intelProcessor, 'mitigations=off '] : ['max', ''];
  return [
    // KVM is not asked for: results must not depend on the build machine's CPU. One processor: every store to a page that
    // holds code, which a JIT compiler makes all the time, halts the others, and two take twice the time of one.
    '-accel', 'tcg', '-cpu', processor, '-smp', '1', ...memory,
    '-display', 'none', '-no-reboot', '-nic', 'none',
    '-kernel', bootImage, '-initrd', initramfs,
    // A processor that is emulated on a busy machine does not get through the kernel's check of its timer in time.
    '-append', `console=ttyS0 ${reserve}${unhindered}no_timer_check nowatchdog panic=-1 oops=panic quiet loglevel=5`,
    '-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap',
  ];
}

const emulators: Readonly<Record<Architecture, string>> = { x64: 'qemu-system-x86_64', arm64: armEmulator };
const emulatorOf = (kernel: BootableKernel): string => programPath(emulators[architectureOf(kernel.series)]);

/** Runs the guest on this terminal until it powers off; its exit status. */
export function runInteractively(spec: Omit<MachineSpec, 'serialLog'>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(emulatorOf(spec.kernel), [...machineArguments(spec), '-serial', 'mon:stdio'], { stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', resolve);
  });
}

const monitorArguments = [
  '-chardev', 'socket,id=monitor,fd=4', '-mon', 'chardev=monitor,mode=control', '-chardev', 'socket,id=debugger,fd=5',
] as const;

export class VirtualMachine {
  /** Makes memory errors, in a machine that was started with `machineChecks`. */
  readonly errors: ErrorInjector | undefined;
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #log: WriteStream;
  readonly #tail: string[] = [];
  readonly #messages: GuestMessage[] = [];
  readonly #closed: Promise<void>;
  #stderr = '';
  #end: string | undefined;
  readonly #wake = new WakeUp();
  #lastSignMs = performance.now();

  constructor(spec: MachineSpec) {
    // Descriptors from 3 on are ends of socket pairs: nothing to name, nothing to clean up.
    const monitored = spec.machineChecks === true;
    const args = [
      ...machineArguments(spec), ...(monitored ? monitorArguments : ['-monitor', 'none']), '-serial', 'stdio', '-device', 'virtio-serial-pci',
      '-chardev', 'socket,id=channel,fd=3', '-device', `virtserialport,chardev=channel,name=${portName}`,
    ];
    this.#log = createWriteStream(spec.serialLog);
    this.#child = spawn(emulatorOf(spec.kernel), args, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...(monitored ? (['pipe', 'pipe'] as const) : [])],
    });
    this.#channel = this.#child.stdio[3] as Duplex;
    if (monitored) {
      const [monitor, stub] = (this.#child.stdio as readonly unknown[]).slice(4) as Duplex[];
      if (monitor !== undefined && stub !== undefined) this.errors = new MachineCheckInjector(new QemuMonitor(monitor), new DebugStub(stub));
    }
    this.#closed = new Promise((resolve) => {
      this.#child.on('error', (cause) => {
        this.#finish(`QEMU does not start: ${cause.message}`);
        resolve();
      });
      this.#child.on('close', (code, signal) => {
        this.#finish(`QEMU ended (${signal ?? `status ${code ?? -1}`})`);
        this.#log.end(resolve);
      });
    });
    this.#listen();
  }

  #listen(): void {
    const console = new LineSplitter((line) => {
      this.#tail.push(line.replace(/\r$/, ''));
      if (this.#tail.length > tailLines) this.#tail.shift();
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#sign();
      this.#log.write(chunk);
      console.push(chunk);
    });
    this.#child.stdout?.on('end', () => {
      console.end();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4000);
    });
    const frames = new LineSplitter((line) => {
      this.#sign();
      this.#messages.push(JSON.parse(line) as GuestMessage);
      this.#wake.now();
    });
    this.#channel.on('data', (chunk: Buffer) => {
      frames.push(chunk);
    });
    // The end of QEMU is reported once, by its exit.
    this.#channel.on('error', () => undefined);
  }

  #sign(): void {
    this.#lastSignMs = performance.now();
  }

  #finish(reason: string): void {
    this.#end ??= reason;
    this.#wake.now();
  }

  send(message: HostMessage): void {
    this.#sign();
    this.#channel.write(`${JSON.stringify(message)}\n`);
  }

  /**
   * The guest's next message. Rejects with GuestLost when QEMU has ended, or when the guest has sent neither a message
   * nor console output for `silenceLimitMs`.
   */
  async receive(silenceLimitMs: number): Promise<GuestMessage> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.#end !== undefined) throw this.#lost(this.#end);
      const leftMs = this.#lastSignMs + silenceLimitMs - performance.now();
      if (leftMs <= 0) throw this.#lost(`the guest has been silent for ${Math.round(silenceLimitMs / 1000)} s`);
      await this.#wake.sleep(leftMs);
    }
  }

  #lost(reason: string): GuestLost {
    const panic = this.#tail.find((line) => /Kernel panic|safe-pmem-init:/.test(line));
    const stderr = this.#stderr.trim();
    return new GuestLost([panic ?? reason, ...(stderr === '' ? [] : [stderr])].join('\n'), [...this.#tail]);
  }

  /** Waits for the guest to power itself off, then ends it. */
  async stop(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#closed;
    clearTimeout(timer);
  }

  /** Ends QEMU at once; safe to call in an exit handler. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** The message, if it is of that type; otherwise throws what it says. */
export function expectMessage<T extends GuestMessage['type']>(message: GuestMessage, type: T): Extract<GuestMessage, { type: T }> {
  if (message.type === 'failed') throw new Error(`in the guest: ${message.error}`);
  if (message.type !== type) throw new Error(`expected the message ${type} from the guest, got ${JSON.stringify(message)}`);
  return message as Extract<GuestMessage, { type: T }>;
}
