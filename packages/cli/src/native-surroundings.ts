/** The process, its terminal and its filesystem. */
import type { Driver } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { nativeDestination } from './destination.js';
import { nativeTree } from './file-tree.js';
import type { Screen, Surroundings } from './surroundings.js';

const COLUMNS = 80;
/** The longest that a timer can wait: 25 days. */
const LONGEST_MS = 2 ** 31 - 1;

function processScreen(): Screen {
  const { stdout, stderr, env } = process;
  const hasColor = stdout.isTTY && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  return {
    out: (text) => {
      stdout.write(text);
    },
    err: (text) => {
      stderr.write(text);
    },
    hasColor,
    canRewrite: stderr.isTTY && env.TERM !== 'dumb',
    get columns() {
      return (stdout.isTTY ? stdout.columns : 0) || COLUMNS;
    },
  };
}

/** The addon is loaded by the first command that needs a driver, so that --help works anywhere. */
export function nativeSurroundings(): Surroundings {
  let driver: Driver | undefined;
  return {
    get driver() {
      return (driver ??= nativeDriver());
    },
    tree: nativeTree,
    destination: nativeDestination,
    screen: processScreen(),
    now: () => new Date(),
    interrupted: interruption(),
    stayAlive: () => {
      const timer = setInterval(() => undefined, LONGEST_MS);
      return () => {
        clearInterval(timer);
      };
    },
  };
}

/** The first ^C or SIGTERM ends what runs in good order; the second ends the process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const abort = (): void => {
    for (const signal of signals) process.removeListener(signal, abort);
    controller.abort();
  };
  for (const signal of signals) process.on(signal, abort);
  return controller.signal;
}
