/**
 * Watches files of sysfs by inotify. The kernel notifies the readers of a bad-block list when it finds an error and
 * when one is cleared (measured on Linux 6.12, 6.18 and 7.3, without privilege); a write by root into the file is
 * noticed as well.
 */
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import type { WatchOutcome } from '@safe-pmem/core';

interface Shared {
  readonly watcher: FSWatcher;
  readonly listeners: Set<() => void>;
}

/** One inotify watch for each file, however many listen. */
const watched = new Map<string, Shared>();

/** Calls `changed` after each change of the file; several that come together are one call. Keeps no process alive. */
export function watchFile(file: string, changed: () => void): WatchOutcome {
  let shared = watched.get(file);
  if (shared === undefined) {
    try {
      shared = begin(file);
    } catch (error) {
      return {
        supported: false,
        reason: `${file} cannot be watched: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
    watched.set(file, shared);
  }
  const { listeners, watcher } = shared;
  // The same function may watch twice.
  const listener = (): void => {
    changed();
  };
  listeners.add(listener);
  return {
    supported: true,
    watch: {
      close: () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        watcher.close();
        if (watched.get(file)?.watcher === watcher) watched.delete(file);
      },
    },
  };
}

function begin(file: string): Shared {
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const watcher = watch(file, { persistent: false }, (type) => {
    // The device is gone, and its file: a list that appears under this name later is another one.
    if (type === 'rename' && watched.get(file)?.watcher === watcher) watched.delete(file);
    tell();
  });
  watcher.on('error', tell);
  return { watcher, listeners };
}
