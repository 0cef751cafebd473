// Real faults on demand, for tests. Built beside the addon, never published.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const injector = createRequire(import.meta.url)(
  fileURLToPath(new URL('../build/Release/fault_injector.node', import.meta.url)),
);

/** Throws where the kernel cannot do it, so that no test passes for want of a fault. */
function succeed(what, { errno, call }) {
  if (errno !== 0) throw new Error(`${what}: ${call} failed with errno ${errno}`);
}

export function poison(path, offset, length) {
  const what = `cannot poison [${offset}, ${offset + length}) of '${path}' (needs Linux 6.6, tmpfs and userfaultfd)`;
  succeed(what, injector.poison(path, offset, length));
}

export function findMapping(path) {
  return injector.findMapping(path);
}

export function sendAdvisory(path, offset) {
  succeed('cannot send BUS_MCEERR_AO', { errno: injector.sendAdvisory(path, offset), call: 'rt_tgsigqueueinfo' });
}
