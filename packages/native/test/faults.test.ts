import path from 'node:path';
import { expect, it } from 'vitest';
import { advisoryMemoryErrors } from '../src/index.js';
import { poison, sendAdvisory } from './fault-injector.mjs';
import { openScratch, PAGE, scratchFolder } from './scratch.js';

it('a page that was poisoned answers again once it is mapped again', async () => {
  const file = path.join(scratchFolder('tmpfs'), 'file');
  const here = await openScratch(file, { sizeBytes: 4 * PAGE });
  here.write(new Uint8Array(4 * PAGE).fill(5), 0);
  poison(file, PAGE, PAGE);
  // The code is BUS_MCEERR_AR where the kernel has memory-failure handling, and BUS_ADRERR where it has not.
  expect(here.read(new Uint8Array(1), PAGE + 7)).toMatchObject({ position: PAGE + 7 });
  expect(here.remap(PAGE, PAGE)).toBeUndefined();
  const back = new Uint8Array(PAGE);
  expect(here.read(back, PAGE)).toBeUndefined();
  expect(back.every((byte) => byte === 5)).toBe(true);
});

it('counts a loss that the kernel announces, and lives', async () => {
  const file = path.join(scratchFolder(), 'file');
  const here = await openScratch(file, { sizeBytes: 4 * PAGE });
  const before = advisoryMemoryErrors();
  sendAdvisory(file, 2 * PAGE);
  sendAdvisory(file, 3 * PAGE);
  expect(advisoryMemoryErrors()).toBe(before + 2);
  expect(here.read(new Uint8Array(4 * PAGE), 0)).toBeUndefined();
});
