// Real faults on demand: poison, signal actions, faults that are not ours. Built beside the addon, never published.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { targetOf } from '../scripts/target.mjs';

const at = (file) => fileURLToPath(new URL(`../build/${file}`, import.meta.url));
/** Of another machine's build (release/test-programs.mjs), or this one's. */
const crossBuilt = at(`test-programs/${targetOf()}/fault_injector.node`);
const binary = existsSync(crossBuilt) ? crossBuilt : at('Release/fault_injector.node');

function load() {
  try {
    return createRequire(import.meta.url)(binary);
  } catch (cause) {
    throw new Error('this test needs the fault injector: node packages/native/scripts/build-addon.mjs', { cause });
  }
}

export const injector = load();

/**
 * Poisons whole pages of the one mapping that this process has of a tmpfs file: every load or store of them through it
 * raises a real SIGBUS, until the page is mapped again. pread(2) is not affected. Throws if the kernel cannot do it,
 * so that no test passes for want of a fault.
 */
export function poison(path, offset, length) {
  poisonMapping(path, offset, length);
}

/** The same for the first view of the file. */
export function poisonView(path, offset, length) {
  poisonMapping(path, offset, length, 'view');
}

function poisonMapping(path, offset, length, kind) {
  const { errno, call } = injector.poison(path, offset, length, kind);
  if (errno === 0) return;
  throw new Error(
    `cannot poison [${offset}, ${offset + length}) of '${path}': ${call} failed with ${getSystemErrorName(-errno)}. This ` +
      'needs Linux 6.6 or later (UFFDIO_POISON), CONFIG_USERFAULTFD, a container that allows userfaultfd(2), and tmpfs',
  );
}

/** A descriptor of an empty file on hugetlbfs, which no mount and no privilege is needed for. */
export function hugeFile() {
  const fd = injector.hugeFile();
  if (fd < 0) throw new Error(`memfd_create(MFD_HUGETLB) failed with ${getSystemErrorName(fd)}: this needs CONFIG_HUGETLBFS`);
  return fd;
}

/** Sets how many descriptors this process may have (RLIMIT_NOFILE, soft), and returns how many it might have before. */
export function limitDescriptors(count) {
  const before = injector.limitDescriptors(count);
  if (before < 0) throw new Error(`setrlimit(RLIMIT_NOFILE) failed with ${getSystemErrorName(before)}`);
  return before;
}

export function findMapping(path) {
  return injector.findMapping(path);
}

/** Sends this process the BUS_MCEERR_AO that memory lost at `offset` of the file's mapping would raise. */
export function sendAdvisory(path, offset) {
  const errno = injector.sendAdvisory(path, offset);
  if (errno !== 0) throw new Error(`rt_tgsigqueueinfo failed with ${getSystemErrorName(-errno)}`);
}
