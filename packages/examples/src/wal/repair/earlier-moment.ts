/** Tells a page that one file has from an earlier moment. */
import type { ParsedPage } from '../format/data-page.js';

/**
 * True if a page ends before its last byte and another file has more of it. A page that the writer has left ends there
 * in every file.
 */
export function isOfEarlierMoment(own: ParsedPage, others: Iterable<ParsedPage>): boolean {
  if (own.state !== 'short') return false;
  for (const { verifiedBytes } of others) if (verifiedBytes > own.verifiedBytes) return true;
  return false;
}
