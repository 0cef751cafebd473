/**
 * QEMU's debugger stub, as far as it takes to stop the guest at the very instruction that touches an address. It speaks
 * GDB's remote protocol. While the guest runs, every byte sent to the stub stops it: nothing is sent then but to stop it.
 */
import type { Duplex } from 'node:stream';
import { IncomingPieces } from './incoming-pieces.js';

export type WatchedAccess = 'load' | 'store';

const packetOf: Readonly<Record<WatchedAccess, string>> = { load: '3', store: '2' };
/** Number of the register, in hexadecimal. */
const instructionPointer = '10';
const answerLimitMs = 60_000;
const interrupt = '\x03';

export class DebugStub {
  readonly #stream: Duplex;
  readonly #packets: IncomingPieces<string>;
  #unparsed = '';
  #describes = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#packets = new IncomingPieces(stream, 'the debugger stub');
    stream.on('data', (chunk: Buffer) => {
      this.#unparsed += chunk.toString('latin1');
      this.#parse();
    });
  }

  #parse(): void {
    for (;;) {
      const found = /\$([^#]*)#[0-9a-f]{2}/i.exec(this.#unparsed);
      if (found === null) return;
      this.#unparsed = this.#unparsed.slice(found.index + found[0].length);
      this.#stream.write('+');
      this.#packets.push(found[1] ?? '');
    }
  }

  /** Stops the guest when one byte of the range is touched. Addresses are virtual, in whatever process is running. */
  async watch(access: WatchedAccess, address: string, lengthBytes: number): Promise<void> {
    await this.#command(`Z${packetOf[access]},${address},${lengthBytes.toString(16)}`);
  }

  async unwatch(access: WatchedAccess, address: string, lengthBytes: number): Promise<void> {
    await this.#command(`z${packetOf[access]},${address},${lengthBytes.toString(16)}`);
  }

  /** Stops the guest before it executes what is at the address. */
  async stopAt(address: bigint): Promise<void> {
    await this.#command(`Z0,${address.toString(16)},1`);
  }

  async doNotStopAt(address: bigint): Promise<void> {
    await this.#command(`z0,${address.toString(16)},1`);
  }

  /** Sets the instruction that the guest goes on with. */
  async jump(address: bigint): Promise<void> {
    // The stub lets nobody write a register who has not asked what registers there are.
    if (!this.#describes) await this.#ask('qXfer:features:read:target.xml:0,ffb');
    this.#describes = true;
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(address);
    await this.#command(`P${instructionPointer}=${bytes.toString('hex')}`);
  }

  resume(): void {
    this.#send('c');
  }

  /** One instruction, whatever stands in its way. */
  async step(): Promise<void> {
    this.#send('s');
    await this.#packets.take(isStop, answerLimitMs);
  }

  /** Resolves when the guest has stopped. Stops it where nothing else has within `limitMs`, and rejects then. */
  async stopped(limitMs: number): Promise<void> {
    try {
      await this.#packets.take(isStop, limitMs);
    } catch (cause) {
      await this.stop();
      throw cause;
    }
  }

  async stop(): Promise<void> {
    this.#stream.write(interrupt);
    await this.#packets.take(isStop, answerLimitMs);
  }

  #ask(text: string): Promise<string> {
    this.#send(text);
    return this.#packets.take((packet) => !isStop(packet), answerLimitMs);
  }

  async #command(text: string): Promise<void> {
    const answer = await this.#ask(text);
    if (answer !== 'OK') throw new Error(`QEMU's debugger stub answers ${text} with ${answer === '' ? 'nothing' : answer}`);
  }

  #send(text: string): void {
    const sum = Buffer.from(text).reduce((total, byte) => (total + byte) & 0xff, 0);
    this.#stream.write(`$${text}#${sum.toString(16).padStart(2, '0')}`);
  }
}

function isStop(packet: string): boolean {
  return /^[TS][0-9a-f]{2}/i.test(packet);
}
