import { constants } from 'node:buffer';
import { expect, it } from 'vitest';
import { Errno } from '../src/errors/errno.js';
import { PmemView, requireViewable, viewError } from '../src/access/view.js';

const MOST = Math.floor(constants.MAX_LENGTH / 4096) * 4096;

it('a range that is longer than an array can be is refused, with the length that can be', () => {
  requireViewable({ offset: 0, length: MOST }, 4096);
  const long = { offset: 0, length: MOST + 1 };
  expect(() => { requireViewable(long, 4096); }).toThrow(RangeError);
  expect(() => { requireViewable(long, 4096); }).toThrow(String(constants.MAX_LENGTH));
});

it('what is mapped are whole pages, so they are what has to fit', () => {
  const range = { offset: 4095, length: MOST - 4095 };
  requireViewable(range, 4096);
  expect(() => { requireViewable({ ...range, length: range.length + 1 }, 4096); }).toThrow(RangeError);
});

it('a process without room for another view is told to release some', () => {
  const range = { offset: 4096, length: 100 };
  const error = viewError({ errno: Errno.ENOMEM, syscall: 'mmap' }, '/mnt/file', range);
  expect(error).toMatchObject({ code: 'ERR_PMEM_TOO_MANY_VIEWS', path: '/mnt/file', ranges: [range] });
  expect(error.message).toContain('release()');
  expect(error.cause).toMatchObject({ code: 'ENOMEM', syscall: 'mmap' });
  expect(viewError({ errno: Errno.EACCES, syscall: 'mmap' }, '/mnt/file', range).code).toBe('ERR_PMEM_ACCESS');
});

it('a view that is released is let go of by its file as well, and by the driver', () => {
  const calls: string[] = [];
  const bytes = new Uint8Array(8);
  const view = new PmemView(
    { verifyView: () => { calls.push('verify'); }, forgetView: () => { calls.push('forget'); } },
    { bytes, faulted: false, faults: () => [], release: () => { calls.push('release'); } },
    { offset: 0, length: 8 },
  );
  view.release();
  expect(calls).toEqual(['forget', 'release']);
});
