/** QEMU's monitor: commands that a person would type, sent through its machine protocol so that answers can be told apart. */
import type { Duplex } from 'node:stream';
import { LineSplitter } from '../line-splitter.js';
import { IncomingPieces } from './incoming-pieces.js';

interface MonitorAnswer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

const answerLimitMs = 60_000;

export class QemuMonitor {
  readonly #stream: Duplex;
  readonly #answers: IncomingPieces<MonitorAnswer>;
  #agreed = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#answers = new IncomingPieces(stream, 'the monitor');
    const lines = new LineSplitter((line) => {
      // Greetings and events are neither; nobody waits for them.
      const message = JSON.parse(line) as MonitorAnswer;
      if ('return' in message || 'error' in message) this.#answers.push(message);
    });
    stream.on('data', (chunk: Buffer) => {
      lines.push(chunk);
    });
  }

  /** Runs one command of the monitor; what it prints. Rejects with what it objects to. */
  async run(command: string): Promise<string> {
    if (!this.#agreed) await this.#ask({ execute: 'qmp_capabilities' });
    this.#agreed = true;
    return String(await this.#ask({ execute: 'human-monitor-command', arguments: { 'command-line': command } }));
  }

  async #ask(message: unknown): Promise<unknown> {
    this.#stream.write(`${JSON.stringify(message)}\n`);
    const answer = await this.#answers.take(() => true, answerLimitMs);
    if (answer.error !== undefined) throw new Error(`QEMU's monitor: ${answer.error.desc}`);
    return answer.return;
  }
}
