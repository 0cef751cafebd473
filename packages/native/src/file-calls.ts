/**
 * The calls of `node:fs` that this package makes, as promises made from callbacks. Those of `node:fs/promises` end the
 * whole process if a worker that has just called one is being terminated: Node 20.20 aborts with "Assertion failed:
 * (req_wrap_async) != nullptr".
 */
import * as fs from 'node:fs';
import { promisify } from 'node:util';

export const open = promisify(fs.open);
export const write: (fd: number, text: string) => Promise<unknown> = promisify(fs.write);
export const close = promisify(fs.close);
export const readFile = promisify(fs.readFile);
export const readdir = promisify(fs.readdir);
export const realpath = promisify(fs.realpath.native);
export const stat = promisify(fs.stat);
