// What the kernel says about this process.
import { readdirSync, readFileSync } from 'node:fs';

const SIGBUS = 7;

export function openDescriptors() {
  return readdirSync('/proc/self/fd').length;
}

function mappings() {
  return readFileSync('/proc/self/maps', 'utf8').trimEnd().split('\n');
}

/** Mappings of files whose path contains `part`, deleted ones included. */
export function mappingsOf(part) {
  return mappings().filter((line) => line.includes(part)).length;
}

export function allMappings() {
  return mappings().length;
}

/** The mask of the calling thread, in hexadecimal, lowest signal last. */
export function blockedSignals() {
  return /^SigBlk:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))[1];
}

/** A synchronous SIGBUS on a thread that blocks it kills the process without asking any handler. */
export function sigbusBlocked() {
  return ((BigInt(`0x${blockedSignals()}`) >> BigInt(SIGBUS - 1)) & 1n) === 1n;
}
