/** Paths of the simulated machine, which is Linux, as programs on other systems join them. */
import { posix, win32 } from 'node:path';
import { expect, it } from 'vitest';
import { checkedPath } from '../src/driver/check.js';

it('what a program on Windows joins with backslashes is the same path', () => {
  for (const system of [posix, win32]) {
    expect(checkedPath(system.join('/pmem', 'log', 'mirror'), system.sep)).toBe('/pmem/log/mirror');
    expect(checkedPath(system.join('pmem', '..', 'app.db'), system.sep)).toBe('/app.db');
  }
  expect(checkedPath(String.raw`C:\data\app.db`, win32.sep)).toBe('/C:/data/app.db');
});

it('elsewhere a backslash is a letter of a name', () => {
  expect(checkedPath(String.raw`/pmem/a\b`, posix.sep)).toBe(String.raw`/pmem/a\b`);
});
