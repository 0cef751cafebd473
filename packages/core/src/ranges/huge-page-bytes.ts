/** The size of a huge page, which depends on that of a page. */
import type { FileFacts } from '../driver/facts.js';

/** Bytes of an entry of a page table. */
const ENTRY_BYTES = 8;

/**
 * Bytes that one entry of a middle page table maps, which fills a page of entries: 2 MiB with pages of 4 KiB (x86-64,
 * and arm64 by default), 32 MiB with 16 KiB and 512 MiB with 64 KiB (arm64).
 */
export function hugePageBytes({ pageBytes }: Pick<FileFacts, 'pageBytes'>): number {
  return pageBytes * (pageBytes / ENTRY_BYTES);
}
