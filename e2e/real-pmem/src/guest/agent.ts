/** Runs as root in the guest: does what the host asks for, starts jobs as nobody, and passes their results on. */
import { spawn } from 'node:child_process';
import { createReadStream, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { LineSplitter } from '../line-splitter.js';
import type { DeviceKind, Filesystem, GuestMessage, HostMessage } from '../protocol.js';
import { guestPaths, portName } from '../protocol.js';
import { injectPoison, serveInjector } from './injector.js';
import { JobProcess } from './job-process.js';
import { PmemDevice } from './pmem-device.js';

type MountMessage = Extract<HostMessage, { type: 'mount' }>;

interface Mounted {
  readonly device: PmemDevice;
  readonly filesystem: Filesystem;
}

class Agent {
  readonly #send: (message: GuestMessage) => void;
  #device: PmemDevice | undefined;
  #mounted: Mounted | undefined;
  #job: JobProcess | undefined;

  constructor(send: (message: GuestMessage) => void) {
    this.#send = send;
  }

  /** Does one thing; false when the guest is to power off. */
  async perform(message: HostMessage): Promise<boolean> {
    switch (message.type) {
      case 'configure':
        await this.configure(message.device, message.keep);
        return true;
      case 'mount':
        this.#send({ type: 'mounted', mountOptions: await this.mount(message.filesystem, message) });
        return true;
      case 'run': {
        if (this.#mounted === undefined) throw new Error('nothing is mounted');
        const { device, filesystem } = this.#mounted;
        const context = {
          mountPoint: guestPaths.mountPoint,
          injector: guestPaths.injector,
          filesystem,
          device: device.kind,
          kernelRelease: device.facts().kernelRelease,
          deviceAddress: device.facts().deviceAddress,
          input: message.input,
        };
        this.#job = new JobProcess(message.program, message.nodeArguments, context, this.#send, message.asRoot);
        return true;
      }
      case 'ask':
        this.#job?.ask(message.question);
        return true;
      case 'no-more-questions':
        this.#job?.noMoreQuestions();
        return true;
      case 'poweroff':
        return false;
    }
  }

  async configure(kind: DeviceKind, keep = false): Promise<void> {
    const device = await PmemDevice.find(kind, keep);
    await serveInjector({
      inject(sector, count) {
        injectPoison(device, sector, count);
      },
      async freshFilesystem(layout) {
        await device.fresh(undefined, layout);
      },
    });
    this.#device = device;
    this.#send({ type: 'configured', facts: device.facts() });
  }

  async mount(filesystem: Filesystem, { keep = false, hugePages = false }: Pick<MountMessage, 'keep' | 'hugePages'> = {}): Promise<string> {
    if (this.#device === undefined) throw new Error('the guest is not configured');
    const device = this.#device;
    const options = keep ? await device.mountAgain(filesystem) : await device.fresh(filesystem, { hugePages });
    this.#mounted = { device, filesystem };
    return options;
  }
}

function portDevice(): string {
  const ports = '/sys/class/virtio-ports';
  const port = readdirSync(ports).find((name) => readFileSync(path.join(ports, name, 'name'), 'utf8').trim() === portName);
  if (port === undefined) throw new Error(`no virtio port is called ${portName}`);
  return path.join('/dev', port);
}

async function serveHost(): Promise<void> {
  const descriptor = openSync(portDevice(), 'r+');
  const send = (message: GuestMessage): void => {
    const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
  };
  const agent = new Agent(send);
  await new Promise<void>((resolve, reject) => {
    const handle = async (line: string): Promise<void> => {
      try {
        if (!(await agent.perform(JSON.parse(line) as HostMessage))) resolve();
      } catch (cause) {
        send({ type: 'failed', error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) });
      }
    };
    let work = Promise.resolve();
    const lines = new LineSplitter((line) => {
      work = work.then(() => handle(line));
    });
    const port = createReadStream('', { fd: descriptor });
    port.on('data', (chunk) => {
      lines.push(Buffer.from(chunk));
    });
    port.on('error', reject);
    // The host went away: power off, whatever is running.
    port.on('end', resolve);
    send({ type: 'ready', uptimeSeconds: Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) });
  });
}

async function runShell(filesystem: Filesystem, kind: DeviceKind): Promise<void> {
  const agent = new Agent(() => undefined);
  await agent.configure(kind);
  process.stdout.write(`/dev/pmem0 (${kind}) is ${filesystem} on ${guestPaths.mountPoint}: ${await agent.mount(filesystem)}\n`);
  process.stdout.write('Poison: echo "SECTOR COUNT" > /sys/block/pmem0/badblocks. Leave with exit; QEMU: Ctrl-A X.\n');
  await new Promise<void>((resolve) => {
    spawn('/bin/bash', ['-i'], { stdio: 'inherit', cwd: guestPaths.mountPoint }).on('close', () => {
      resolve();
    });
  });
}

const [mode, filesystem, kind] = process.argv.slice(2);
try {
  if (mode === '--shell') {
    await runShell(filesystem as Filesystem, kind as DeviceKind);
    process.exit(0);
  }
  await serveHost();
  // Not by exit(), which would wait for the read of the port that is under way.
  writeFileSync('/proc/sysrq-trigger', 'o');
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`);
  process.exit(1);
}
