/** Bytes of a page, from the kernel: Node.js does not say. */
import { readFileSync } from 'node:fs';

export function kernelPageBytes(): number {
  const [, kibibytes] = /^KernelPageSize: +(\d+) kB$/m.exec(readFileSync('/proc/self/smaps', 'utf8')) ?? [];
  if (kibibytes === undefined) throw new Error('/proc/self/smaps names no page size');
  return Number(kibibytes) * 1024;
}
