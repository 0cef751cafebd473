/** One line a step, with the seconds since the run began. */
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
