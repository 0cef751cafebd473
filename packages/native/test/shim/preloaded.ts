/** Builds the libraries of this folder that the processes of tests are started with. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { packageFolder } from '../scratch.js';

const built = new Map<string, string>();

/** The library made of `<name>.c`. */
export function preloaded(name: string): string {
  const known = built.get(name);
  if (known !== undefined) return known;
  const library = path.join(packageFolder, 'build', 'test-shim', `${name}-${process.pid}.so`);
  mkdirSync(path.dirname(library), { recursive: true });
  const source = path.join(import.meta.dirname, `${name}.c`);
  const flags = ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror'];
  execFileSync(process.env.CC ?? 'cc', [...flags, '-o', library, source, '-ldl'], { stdio: 'inherit' });
  built.set(name, library);
  return library;
}
