/** Makes real machine checks in a guest: QEMU's `mce` command, at the instruction that touches the page. */
import type { ErrorKind, InjectionRequest, Trigger } from '../machine-check/questions.js';
import type { DebugStub, WatchedAccess } from './debug-stub.js';
import { parseInstructions, parseRegisters, touchesByte, type Instruction } from './instruction.js';
import type { QemuMonitor } from './qemu-monitor.js';

export interface ErrorInjector {
  /** Resolves when the processor has the error. Rejects if the guest did not come to touch the page. */
  inject(request: InjectionRequest): Promise<void>;
}

/** Bank status and global status: see "Machine-Check Architecture" in Intel's manual, volume 3B. */
const statusOf: Readonly<Record<ErrorKind, readonly [bank: string, global: string]>> = {
  // Valid, uncorrected, enabled, MISC and ADDR valid, signalled, action required; a data load.
  'action-required': ['0xBD80000000000134', '7'],
  // The same without "action required"; a memory scrubber's find.
  'action-optional': ['0xBD000000000000C0', '5'],
};
/** Address mode "physical", and log2 of what the address is exact to: a cache line. */
const misc = (2 << 6) | 6;
const bank = 9;
const instructionBytesMax = 15n;
const touchLimitMs = 90_000;
/** Between two looks at the registers the guest has to come forward. */
const lookEveryMs = 3;
const looksMax = 3000;

export type Stub = Pick<DebugStub, 'watch' | 'unwatch' | 'stopAt' | 'doNotStopAt' | 'resume' | 'step' | 'stopped' | 'stop' | 'jump'>;

export class MachineCheckInjector implements ErrorInjector {
  readonly #monitor: Pick<QemuMonitor, 'run'>;
  readonly #stub: Stub;
  #listening = false;

  constructor(monitor: Pick<QemuMonitor, 'run'>, stub: Stub) {
    this.#monitor = monitor;
    this.#stub = stub;
  }

  async inject({ kind, physicalAddress, trigger }: InjectionRequest): Promise<void> {
    await this.#stop();
    try {
      if (trigger !== undefined) await this.#runTo(trigger);
      const [status, globalStatus] = statusOf[kind];
      const said = await this.#monitor.run(`mce 0 ${bank} ${status} ${globalStatus} 0x${physicalAddress.toString(16)} 0x${misc.toString(16)}`);
      if (said.trim() !== '') throw new Error(`QEMU's monitor says ${said.trim()}`);
    } finally {
      this.#stub.resume();
    }
  }

  /** The stub stops the guest when it starts to listen, and whenever it is told to later. */
  async #stop(): Promise<void> {
    if (this.#listening) return this.#stub.stop();
    await this.#monitor.run('gdbserver chardev:debugger');
    this.#listening = true;
  }

  /** The kernel reaching for the page is not it: an error that it consumes itself is a panic, and rightly so. */
  async #runTo(trigger: Trigger): Promise<void> {
    if (trigger.access === 'registers') return this.#runToRegisters(trigger.page);
    const access: WatchedAccess = trigger.access;
    const byte = BigInt(`0x${trigger.address}`);
    const stops = new Set<bigint>();
    await this.#stub.watch(access, trigger.address, 1);
    try {
      const deadline = performance.now() + touchLimitMs;
      do {
        this.#stub.resume();
        await this.#stub.stopped(Math.max(0, deadline - performance.now()));
      } while (!(await this.#isAtAccess(byte, stops)));
    } finally {
      await this.#stub.unwatch(access, trigger.address, 1);
      for (const address of stops) await this.#stub.doNotStopAt(address);
    }
  }

  /**
   * True if the processor is about to touch the byte, or is moved back to the instruction that has: it is what a machine
   * check names. False if the kernel has touched it, or an instruction that has overwritten the registers by which it did.
   * The guest then stops before that one when it comes by again.
   */
  async #isAtAccess(byte: bigint, stops: Set<bigint>): Promise<boolean> {
    const text = await this.#registers();
    if (!/\bCPL=3\b/.test(text)) return false;
    const registers = parseRegisters(text);
    const next = registers.get('rip') ?? 0n;
    const [atNext] = await this.#instructions(next, 1);
    // One that repeats has not been left yet.
    const isBefore = stops.has(next) || (atNext !== undefined && /^rep\b/.test(atNext.text));
    if (isBefore && atNext !== undefined && touchesByte(atNext, registers, byte)) return true;
    if (stops.has(next)) {
      // About to touch something else; continuing from a stop would only meet it again.
      await this.#stub.step();
      return false;
    }
    const candidates = await this.#before(next);
    const touched = candidates.find((candidate) => touchesByte(candidate, registers, byte));
    if (touched !== undefined) {
      await this.#stub.jump(touched.address);
      return true;
    }
    for (const { address } of candidates) {
      if (stops.has(address)) continue;
      stops.add(address);
      await this.#stub.stopAt(address);
    }
    return false;
  }

  /** Everything that may be the instruction before `next`, and touches memory. */
  async #before(next: bigint): Promise<Instruction[]> {
    const found: Instruction[] = [];
    for (let length = 1n; length <= instructionBytesMax; length++) {
      const [before, after] = await this.#instructions(next - length, 2);
      if (before !== undefined && after?.address === next && before.text.includes('(')) found.push(before);
    }
    return found;
  }

  async #instructions(address: bigint, count: number) {
    return parseInstructions(await this.#monitor.run(`x /${count}i 0x${address.toString(16)}`));
  }

  async #runToRegisters(page: string): Promise<void> {
    const first = BigInt(`0x${page}`);
    for (let look = 0; look < looksMax; look++) {
      const registers = await this.#registers();
      const inPage = [...parseRegisters(registers).values()].some((value) => {
        const distance = value - first;
        // The page's first byte is also what a call is given, before it has come to anything.
        return distance > 0n && distance < 4096n;
      });
      if (inPage && /\bCPL=3\b/.test(registers)) return;
      this.#stub.resume();
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs + (look % 7)));
      await this.#stub.stop();
    }
    throw new Error('the guest was never seen in the page');
  }

  #registers(): Promise<string> {
    return this.#monitor.run('info registers');
  }
}
