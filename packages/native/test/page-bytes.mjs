// Bytes of a page of this kernel, from the kernel itself: arm64 has them of 4, 16 and 64 KiB.
import { readFileSync } from 'node:fs';

function pageBytes() {
  const [, kibibytes] = /^KernelPageSize: +(\d+) kB$/m.exec(readFileSync('/proc/self/smaps', 'utf8')) ?? [];
  if (kibibytes === undefined) throw new Error('/proc/self/smaps names no page size');
  return Number(kibibytes) * 1024;
}

export const PAGE = pageBytes();
