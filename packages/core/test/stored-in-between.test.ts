import { expect, it } from 'vitest';
import type { CompleteFile } from '../src/driver/driver.js';
import { withStores } from '../src/repair/stored-in-between.js';

const PAGE = 4096;

/** A file whose page 0 holds `found`. */
function fileWith(found: Uint8Array): CompleteFile {
  const pread = (target: Uint8Array): Promise<object> => {
    target.set(found);
    return Promise.resolve({ errno: 0, transferredBytes: target.length });
  };
  return { pread } as unknown as CompleteFile;
}

const intentOf = (content: Uint8Array): { offset: number; length: number; content: Uint8Array; fileSizeBytes: number } =>
  ({ offset: 0, length: PAGE, content, fileSizeBytes: PAGE });
const page = { offset: 0, length: PAGE };

it('each byte is a zero, one that the repair was writing, or a store of others, which stays', async () => {
  const content = new Uint8Array(PAGE).fill(7);
  const found = new Uint8Array(PAGE);
  found.set([7, 7, 9, 9, 0, 9]);
  const { intents, stored } = await withStores(fileWith(found), [intentOf(content)], [page]);
  expect([...(intents[0]?.content ?? [])].slice(0, 7)).toEqual([7, 7, 9, 9, 7, 9, 7]);
  expect(stored.map(({ offset, length }) => [offset, length])).toEqual([[0, 4], [5, 1]]);
});

it('content of zeros alone stays: the page may have given nothing before, and hold anything now', async () => {
  const intent = intentOf(new Uint8Array(PAGE));
  const { intents, stored } = await withStores(fileWith(new Uint8Array(PAGE).fill(3)), [intent], [page]);
  expect(intents).toEqual([intent]);
  expect(stored).toEqual([]);
});

it('where the page did not give zeros before, nothing is known of what it holds now', async () => {
  const intent = intentOf(new Uint8Array(PAGE).fill(7));
  const { intents, stored } = await withStores(fileWith(new Uint8Array(PAGE).fill(3)), [intent], []);
  expect(intents).toEqual([intent]);
  expect(stored).toEqual([]);
});
