/** Builds the preloaded library that makes calls on files called "file" fail (refusing.c). */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { packageFolder } from '../scratch.js';

const LIBRARY = path.join(packageFolder, 'build', 'test-shim', `refusing-${process.pid}.so`);
let built = false;

/** The environment of a process for which every such call fails: `pread 4`, or `pwrite 5 8192` at one position. */
export function refusing(asked: string): Record<string, string> {
  if (!built) {
    mkdirSync(path.dirname(LIBRARY), { recursive: true });
    const source = path.join(import.meta.dirname, 'refusing.c');
    const flags = ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror'];
    execFileSync(process.env.CC ?? 'cc', [...flags, '-o', LIBRARY, source, '-ldl'], { stdio: 'inherit' });
    built = true;
  }
  return { LD_PRELOAD: LIBRARY, REFUSING: asked };
}
