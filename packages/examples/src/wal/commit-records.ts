/** Making records durable: pages first, in every file; then the commit point, in every copy. */
import type { ByteRange } from '@safe-pmem/core';
import { coalesce } from '@safe-pmem/core';
import type { CommitPointStore } from './header-copies.js';
import { storeCommitPoint } from './header-copies.js';
import type { CommitPoint } from './header-page.js';
import { PAGE_BYTES } from './format.js';
import type { Layout } from './layout.js';
import { damageReason, storeDurably } from './members.js';
import type { LogPlace } from './read-pages.js';

/**
 * Stores the pages of `layout` durably. Throws the file's error when a page refuses: what has been stored by then lies
 * behind the commit point and counts for nothing.
 */
export function storePages(place: LogPlace, layout: Layout): void {
  for (const member of place.members) {
    // A page that is stepped over must not keep fragments of an earlier attempt; where it cannot be stored to, it
    // cannot be read either.
    for (const { pageNumber, from } of layout.skipped) {
      storeDurably(member, place.ring.positionOf(pageNumber) + from, new Uint8Array(PAGE_BYTES - from));
    }
  }
  const ranges: ByteRange[] = layout.writes.map(({ pageNumber, from, to }) => ({
    offset: place.ring.positionOf(pageNumber) + from,
    length: to - from,
  }));
  const errors: unknown[] = [];
  for (const { file } of place.members) {
    for (const [index, { image, from, to }] of layout.writes.entries()) {
      collect(errors, () => {
        file.write(image.subarray(from, to), (ranges[index] as ByteRange).offset);
      });
    }
  }
  for (const { file } of errors.length > 0 ? [] : place.members) {
    for (const { offset, length } of coalesce(ranges)) {
      collect(errors, () => {
        file.persist(offset, length);
      });
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** Stores a commit point that at least one copy has taken when it returns; throws the medium's error otherwise. */
export function requireCommitPoint(place: LogPlace, point: CommitPoint): CommitPointStore {
  const store = storeCommitPoint(place.members, place.ring, place.logId, point);
  if (store.stored === 0) throw store.missing[0]?.cause;
  return store;
}

function collect(errors: unknown[], action: () => void): void {
  try {
    action();
  } catch (error) {
    if (damageReason(error) === undefined) throw error;
    errors.push(error);
  }
}
