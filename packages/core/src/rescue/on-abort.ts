/** Waits for a signal to abort, with one listener on it however many wait: Node warns of an eleventh. */

interface Waiting {
  readonly callbacks: Set<() => void>;
  /** Takes the listener off the signal. */
  readonly end: () => void;
}

const waitingFor = new WeakMap<AbortSignal, Waiting>();

/** Calls `aborted` when `signal` aborts. The returned function takes that back. */
export function onAbort(signal: AbortSignal, aborted: () => void): () => void {
  const waiting = waitingFor.get(signal) ?? begin(signal);
  // The same function may wait twice.
  const callback = (): void => { aborted(); };
  waiting.callbacks.add(callback);
  return () => {
    if (waiting.callbacks.delete(callback) && waiting.callbacks.size === 0) waiting.end();
  };
}

function begin(signal: AbortSignal): Waiting {
  const callbacks = new Set<() => void>();
  const tell = (): void => { for (const callback of [...callbacks]) callback(); };
  signal.addEventListener('abort', tell, { once: true });
  const waiting: Waiting = {
    callbacks,
    end: () => {
      signal.removeEventListener('abort', tell);
      waitingFor.delete(signal);
    },
  };
  waitingFor.set(signal, waiting);
  return waiting;
}
