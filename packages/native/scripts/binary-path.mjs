// Where the addon's one binary is, for the script that builds it and for the loader: the same place in a checkout and
// in the published package.
import { closeSync, openSync, readSync } from 'node:fs';
import path from 'node:path';

/**
 * Which C library this Node was linked against, read from the name of its dynamic loader (the ELF interpreter, which is
 * in the first page of the executable). Asking the running system instead would answer for the system: a glibc Node
 * runs in a musl distribution that has a compatibility layer, and needs the glibc binary there.
 */
export function libcOf(executable) {
  const file = openSync(executable, 'r');
  try {
    const head = Buffer.alloc(4096);
    const length = readSync(file, head, 0, head.length, 0);
    return head.subarray(0, length).includes('/ld-musl-') ? 'musl' : 'glibc';
  } finally {
    closeSync(file);
  }
}

/** `<package>/binary/linux-x64-glibc/safe-pmem.node`. */
export function binaryPath(packageFolder, { arch = process.arch, libc = libcOf(process.execPath) } = {}) {
  return path.join(packageFolder, 'binary', `linux-${arch}-${libc}`, 'safe-pmem.node');
}
