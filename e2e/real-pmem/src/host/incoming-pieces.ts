/** A stream to one of QEMU's own servers, read by whoever waits for what it says next. */
import type { Duplex } from 'node:stream';
import { WakeUp } from './wake-up.js';

/** Hands out what arrives, piece by piece, in order. */
export class IncomingPieces<Piece> {
  readonly #arrived: Piece[] = [];
  readonly #wake = new WakeUp();
  #end: string | undefined;

  constructor(stream: Duplex, whose: string) {
    stream.on('close', () => {
      this.#end = `${whose} closed the connection`;
      this.#wake.now();
    });
    // The end of QEMU is reported once, by its exit.
    stream.on('error', () => undefined);
  }

  push(piece: Piece): void {
    this.#arrived.push(piece);
    this.#wake.now();
  }

  /** Removes and returns the first piece for which `wanted` holds. Rejects after `limitMs`, or when the stream has ended. */
  async take(wanted: (piece: Piece) => boolean, limitMs: number): Promise<Piece> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const index = this.#arrived.findIndex(wanted);
      const [found] = index < 0 ? [] : this.#arrived.splice(index, 1);
      if (found !== undefined) return found;
      if (this.#end !== undefined) throw new Error(this.#end);
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`nothing arrived for ${limitMs} ms`);
      await this.#wake.sleep(leftMs);
    }
  }
}
