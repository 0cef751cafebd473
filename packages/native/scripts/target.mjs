// Which binary this process needs and where it is, for the scripts that build it and for the loader.
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import path from 'node:path';

/** The targets whose binaries the published package holds. */
export const TARGETS = ['linux-x64-glibc', 'linux-x64-musl', 'linux-arm64-glibc', 'linux-arm64-musl'];

const PT_INTERP = 3;
const PROGRAM_HEADER_BYTES = 56;

function readAt(file, position, length) {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, position));
}

/**
 * The dynamic loader that a 64-bit little-endian ELF executable names, or `undefined` if it is no such file or is linked
 * statically. It may be anywhere in the file: tools that make single executables move it.
 */
export function interpreterOf(executable) {
  const file = openSync(executable, 'r');
  try {
    const header = readAt(file, 0, 64);
    if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return undefined;
    const [at, size, count] = [Number(header.readBigUInt64LE(32)), header.readUInt16LE(54), header.readUInt16LE(56)];
    for (let i = 0; i < count; i += 1) {
      const entry = readAt(file, at + i * size, PROGRAM_HEADER_BYTES);
      if (entry.length < PROGRAM_HEADER_BYTES || entry.readUInt32LE(0) !== PT_INTERP) continue;
      const name = readAt(file, Number(entry.readBigUInt64LE(8)), Math.min(Number(entry.readBigUInt64LE(32)), 4096));
      return name.toString('latin1').replace(/\0.*$/s, '');
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** What Node's own report says, for executables that may not be read (`node --permission`) or are linked statically. */
function libcOfReport() {
  try {
    const { report } = process;
    report.excludeNetwork = true;
    return report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  } catch {
    return 'glibc';
  }
}

/**
 * The C library that `executable` was linked against, by the name of its dynamic loader. Asking the running system
 * instead would answer for the system: a glibc Node runs in a musl distribution that has a compatibility layer, and
 * needs the glibc binary there.
 */
export function libcOf(executable, otherwise = libcOfReport) {
  let interpreter;
  try {
    interpreter = interpreterOf(executable);
  } catch {
    // Not readable.
  }
  if (interpreter === undefined) return otherwise();
  return interpreter.includes('/ld-musl-') ? 'musl' : 'glibc';
}

/** `linux-x64-glibc`: the target that this process, or one of the architecture and C library given, needs. */
export function targetOf({ arch = process.arch, libc = libcOf(process.execPath) } = {}) {
  return `linux-${arch}-${libc}`;
}

/** File names of the two addons: the one that applications run with, and the one that they test with. */
export const ADDON = 'safe-pmem.node';
export const TESTING_ADDON = 'testing.node';

/** Where the binary of the published package is. */
export function shippedBinary(packageFolder, target = targetOf(), addon = ADDON) {
  return path.join(packageFolder, 'binary', target, addon);
}

/** Where a build from source puts its binary. */
export function localBinary(packageFolder, target = targetOf(), addon = ADDON) {
  return path.join(packageFolder, 'build', 'addon', target, addon);
}

/**
 * The one binary that the loader takes. After a build from source has begun that is the built one, also if the build
 * failed and left none: falling back to the shipped one would test, or run, other code than was asked for.
 */
export function binaryPath(packageFolder, target = targetOf(), addon = ADDON) {
  const local = localBinary(packageFolder, target, addon);
  return existsSync(path.dirname(local)) ? local : shippedBinary(packageFolder, target, addon);
}
