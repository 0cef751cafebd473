/** One line a step, with the seconds since the run began. */
import { appendFileSync } from 'node:fs';

export interface Progress {
  step(text: string): void;
  elapsedSeconds(): number;
}

export function progressOn(write: (line: string) => void, now: () => number = () => performance.now()): Progress {
  const startMs = now();
  const elapsedSeconds = (): number => (now() - startMs) / 1000;
  return {
    elapsedSeconds,
    step(text) {
      write(`[${elapsedSeconds().toFixed(1).padStart(6)} s] ${text}`);
    },
  };
}

/** Keeps what a run has said. A reader of the end of its output alone is told the failures there. */
export class SaidLines {
  readonly #failures: string[] = [];
  #file: string | undefined;

  /** Later lines go into this file too. */
  keepIn(file: string): void {
    this.#file = file;
  }

  add(line: string): void {
    if (line.includes(': FAILED ')) this.#failures.push(line);
    if (this.#file !== undefined) appendFileSync(this.#file, `${line}\n`);
  }

  /** The first lines that say FAILED, and how many more there are. */
  failures(atMost = 40): string[] {
    const more = this.#failures.length - atMost;
    return [...this.#failures.slice(0, atMost), ...(more > 0 ? [`… and ${more} more lines`] : [])];
  }
}
