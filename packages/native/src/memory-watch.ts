/**
 * Listeners for lost memory (BUS_MCEERR_AO), by file. One listener of the addon for all files of this thread, for as
 * long as there is any.
 */
import type { ByteRange, WatchOutcome } from '@safe-pmem/core';
import { errnoName } from '@safe-pmem/core';
import type { Binding, MemoryNotice } from './binding.js';

type Lost = (range: ByteRange) => void;

const listeners = new Map<string, Set<Lost>>();
let stop: (() => void) | undefined;

/** Calls `lost` for bytes of the file with this `MAJOR:MINOR` and inode, whichever mapping the kernel names. */
export function watchMemory(
  binding: Pick<Binding, 'watchMemory'>, file: { readonly device: string; readonly inode: bigint }, lost: Lost,
): WatchOutcome {
  if (stop === undefined) {
    const begun = binding.watchMemory(tell);
    if (typeof begun !== 'function') {
      const { syscall, errno } = begun.failure;
      return { supported: false, reason: `the kernel announces no lost memory here (${syscall}: ${errnoName(errno)})` };
    }
    stop = begun;
  }
  const key = keyOf(file);
  const ofFile = listeners.get(key) ?? new Set();
  listeners.set(key, ofFile);
  // The same function may watch twice.
  const listener: Lost = (range) => { lost(range); };
  ofFile.add(listener);
  return {
    supported: true,
    watch: {
      close: () => {
        if (!ofFile.delete(listener) || ofFile.size > 0) return;
        listeners.delete(key);
        if (listeners.size > 0) return;
        stop?.();
        stop = undefined;
      },
    },
  };
}

function tell(notice: MemoryNotice): void {
  for (const lost of [...(listeners.get(keyOf(notice)) ?? [])]) {
    lost({ offset: notice.position, length: notice.length });
  }
}

function keyOf({ device, inode }: { readonly device: string; readonly inode: bigint }): string {
  return `${device} ${inode}`;
}
