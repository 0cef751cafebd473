/** Keeps the addon's SIGBUS handler installed while Node installs and removes its own. */
import type { Binding } from './binding.js';

/**
 * `process.on('SIGBUS', …)` puts libuv's handler in the place of the addon's, and the removal of the last listener puts the
 * default action there: a fault in a mapped file would then be repeated for ever, or end the process. So the addon's handler
 * goes back on top after each change, and hands to libuv's what is not its own. Node's listeners for these two events are older
 * than any other, so its handler is in place when ours run.
 */
export function keepGuard(binding: Pick<Binding, 'installGuard'>): void {
  const reinstall = (name: string | symbol): void => {
    if (name === 'SIGBUS') binding.installGuard();
  };
  process.on('newListener', reinstall);
  process.on('removeListener', reinstall);
}
