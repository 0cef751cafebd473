/** Makes the kernel refuse what it seldom refuses, to the driver in this very process. */
import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { limitDescriptors } from './fault-injector.mjs';

/** Runs `body` while this process may open no more files. Files that are open stay open. */
export async function withoutDescriptors(body: () => Promise<void>): Promise<void> {
  const before = limitDescriptors(0);
  try {
    await body();
  } finally {
    limitDescriptors(before);
  }
}

/** Closes the one descriptor of the file, whichever object has it: its owner's close(2) will fail with EBADF. */
export function closeBehind(path: string): void {
  const descriptors = readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === path;
    } catch {
      // The one that the directory was read by is closed again.
      return false;
    }
  });
  if (descriptors.length !== 1) throw new Error(`'${path}' has ${descriptors.length} descriptors in this process`);
  closeSync(Number(descriptors[0]));
}
