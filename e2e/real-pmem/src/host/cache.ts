/** The folder of downloads, unpacked kernels and logs: outside the tree. */
import os from 'node:os';
import path from 'node:path';

const cacheVariable = 'SAFE_PMEM_REAL_PMEM_CACHE';

/** `$SAFE_PMEM_REAL_PMEM_CACHE`, or `safe-pmem/real-pmem` below `$XDG_CACHE_HOME` or `~/.cache`. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env[cacheVariable];
  if (chosen !== undefined && chosen !== '') return path.resolve(chosen);
  const xdg = env.XDG_CACHE_HOME;
  // The XDG specification has relative paths ignored.
  const home = xdg !== undefined && path.isAbsolute(xdg) ? xdg : path.join(os.homedir(), '.cache');
  return path.join(home, 'safe-pmem', 'real-pmem');
}
