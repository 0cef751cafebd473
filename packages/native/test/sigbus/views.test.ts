/** Memory that JavaScript touches without a call: no guard can be left by a jump there, so the page is substituted. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { tmpfsDirectory } from './scratch-directory.js';
import { PAGE } from '../page-bytes.mjs';

const page = (first: number, count = 1): { offset: number; length: number } => ({ offset: first * PAGE, length: count * PAGE });

let scratch: ScratchDirectory;
beforeEach(() => { scratch = tmpfsDirectory(); });
afterEach(() => { scratch.remove(); });

function mediaError(operation: string, source: string, ...ranges: readonly { offset: number; length: number }[]): unknown {
  return expect.objectContaining({ code: 'ERR_PMEM_MEDIA', operation, source, ranges });
}

function pmemError(code: string, ...ranges: readonly { offset: number; length: number }[]): unknown {
  return expect.objectContaining({ code, ranges });
}

describe.each(['main', 'worker'])('touched by JavaScript on the %s thread', (thread) => {
  const run = async (scenario: string): Promise<unknown> => reportOf(await runProgram('views', [scenario, thread, scratch.path]));

  it('a number in a bad page throws, one beside it is right', async () => {
    expect(await run('numbers')).toEqual({
      beside: true,
      error: mediaError('read', 'sigbus', page(3)),
      again: mediaError('read', 'known', page(3)),
      afterwards: true,
      closed: pmemError('ERR_PMEM_CLOSED'),
    });
  });

  it('zeros that were not asked about are gone before the next call loads, stores or persists', async () => {
    const gone = { zero: 0, counted: 1, left: 0 };
    expect(await run('untaken')).toEqual({
      read: { ...gone, result: [null, 'right'] },
      write: { ...gone, result: [null, 'right'] },
      writeAndPersist: { ...gone, result: [null, 'right'] },
      persist: { ...gone, result: [null] },
      persistRanges: { ...gone, result: [null] },
    });
  });

  it('a short store that finds no page throws, stores what has one, and leaves the mapping whole', async () => {
    expect(await run('shortStores')).toEqual({
      errors: [
        pmemError('ERR_PMEM_TRUNCATED', { offset: 2 * PAGE, length: 20 }),
        pmemError('ERR_PMEM_TRUNCATED', { offset: 2 * PAGE, length: 10 }),
      ],
      edge: 'right',
      lost: true,
      arrives: 'right',
    });
  });

  it('a view throws for exactly the pages that were touched, and only then', async () => {
    expect(await run('view')).toEqual({
      length: 5 * PAGE,
      untouched: null,
      head: true,
      stillGood: null,
      first: 0,
      one: mediaError('view', 'sigbus', page(2)),
      both: mediaError('view', 'sigbus', page(2), page(4)),
      tail: true,
      refused: mediaError('view', 'known', page(2), page(4)),
      freshGood: null,
    });
  });

  it('whatever touches the view, it is marked: another library, a thread of the pool; the kernel writes no zeros', async () => {
    expect(await run('elsewhere')).toEqual({ crypto: [page(2)], zlib: [page(2)], kernel: 'refused' });
  });

  it('a store into a view stays in the view', async () => {
    expect(await run('stores')).toEqual({ showsUp: true, stays: true });
  });

  it('no array over mapped memory outlives it: not after resize, release, or close', async () => {
    expect(await run('lifetime')).toEqual({
      before: true,
      head: true,
      stillGood: null,
      beyond: 0,
      truncated: pmemError('ERR_PMEM_TRUNCATED', page(7)),
      numberBehind: 0,
      lengths: [0, 0, 0],
      closed: pmemError('ERR_PMEM_CLOSED'),
      mappings: 0,
    });
  });

  it('a view that was posted to another thread is safe there after close', async () => {
    expect(await run('posted')).toEqual({ right: true, afterClose: true });
  });

  it('withView discards what was made of zeros that were never stored, result or exception', async () => {
    expect(await run('withView')).toEqual({
      result: true,
      returned: mediaError('view', 'sigbus', page(6)),
      threw: mediaError('view', 'sigbus', page(6)),
      own: 'mine',
    });
  });
});
