import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { tmpfsDirectory } from './scratch-directory.js';
import { PAGE } from '../page-bytes.mjs';

let scratch: ScratchDirectory;
beforeEach(() => { scratch = tmpfsDirectory(); });
afterEach(() => { scratch.remove(); });

function mediaError(operation: string, source: string, ...ranges: readonly { offset: number; length: number }[]): unknown {
  const path = `${scratch.path}/data`;
  return expect.objectContaining({ name: 'MediaError', code: 'ERR_PMEM_MEDIA', operation, source, path, ranges });
}

function pages(first: number, count = 1): { offset: number; length: number } {
  return { offset: first * PAGE, length: count * PAGE };
}

const TAIL = { offset: 8 * PAGE, length: 100 };

describe.each(['main', 'worker'])('poison met on the %s thread', (thread) => {
  const run = async (scenario: string): Promise<unknown> =>
    reportOf(await runProgram('poison', [scenario, thread, scratch.path]));

  it('a load of any one byte of a page names exactly that page, and is not repeated', async () => {
    expect(await run('oneByteLoads')).toEqual({
      errors: [1, 3, 5].map((page) => mediaError('read', 'sigbus', pages(page))),
      outside: ['right', 'right', 'right', 'right', 'right', 'right'],
      again: mediaError('read', 'known', pages(1)),
    });
  });

  it('a store of any one byte of a page names exactly that page', async () => {
    expect(await run('oneByteStores')).toEqual({
      errors: [1, 3, 5].map((page) => mediaError('write', 'sigbus', pages(page))),
      outside: [9, 9, 9, 9, 9, 9],
    });
  });

  it('one load over several poisoned pages lists each of them and brings every other byte', async () => {
    expect(await run('load')).toEqual({
      error: mediaError('read', 'sigbus', pages(2, 2), pages(5), TAIL),
      goodParts: ['right', 'right', 'right'],
      margins: true,
    });
  });

  it('a bad page is touched once: by no second load, no store, no salvage and no repair', async () => {
    expect(await run('touches')).toEqual({ faults: [4, 0, 0, 0] });
  });

  it('one store over several poisoned pages lists each of them and stores every other byte', async () => {
    expect(await run('store')).toEqual({
      error: mediaError('write', 'sigbus', pages(2, 2), pages(5), TAIL),
      goodParts: ['right', 'right', 'right'],
      before: 'right',
    });
  });

  it('repair maps pages again that the file can still give, the last one included: nothing is lost or asked for', async () => {
    const unit = (range: { offset: number; length: number }): unknown => ({ range, outcome: 'healthy', lost: [] });
    expect(await run('rebuild')).toEqual({
      error: mediaError('read', 'sigbus', pages(2, 2), TAIL),
      asked: [],
      units: [unit(pages(2, 2)), unit(TAIL)],
      bytes: 'right',
      throughPread: 'right',
      reread: 'right',
      size: 8 * PAGE + 100,
    });
  });

  it('repair without rebuild keeps every byte that the file can still give, also after reopening', async () => {
    expect(await run('nothingSupplied')).toEqual({
      error: mediaError('read', 'sigbus', pages(2, 2)),
      tombstoned: [[]],
      here: 'right',
      reread: 'right',
    });
  });
});
