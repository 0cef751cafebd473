/** A library that makes calls on files called "file" fail (refusing.c). */
import { preloaded } from './preloaded.js';

/** The environment of a process for which every such call fails: `pread 4`, or `pwrite 5 8192` at one position. */
export function refusing(asked: string): Record<string, string> {
  return { LD_PRELOAD: preloaded('refusing'), REFUSING: asked };
}
