// The test-only addon: poison, signal actions, faults that are not ours.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';

const binary = fileURLToPath(new URL('../../../build/Release/fault_injector.node', import.meta.url));

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
 * raises a real SIGBUS, until the page is mapped anew. pread(2) is not affected.
 */
export function poison(path, offset, length) {
  const { errno, call } = injector.poison(path, offset, length);
  if (errno === 0) return;
  throw new Error(
    `${call} failed with ${getSystemErrorName(-errno)}: this test needs Linux 6.6 or later (UFFDIO_POISON), built with ` +
      'CONFIG_USERFAULTFD, a container that allows userfaultfd(2), and a mapping of a file on tmpfs',
  );
}
