import type { ByteRange } from '../ranges/byte-range.js';

/**
 * A change that a watch noticed. Ranges are whole blocks clipped to the file.
 *
 * - `new`: the kernel lists these now. They are known from here on: accesses throw without touching them.
 * - `announced`: the kernel says that the memory of these is lost, and does not list them (FileWatch.announcements).
 *   They are known as well. A `new` follows if root enters them into the list, which lets a repair clear them.
 * - `cleared`: no longer listed, because a repair or a write by this process or another cleared them, or because the
 *   file has given the blocks away.
 * - `unsupported`: the list could be read and now cannot, or the kernel has announced an error without saying in which
 *   page; errors may go unnoticed until a later event.
 */
export type WatchEvent =
  | { readonly kind: 'new' | 'announced' | 'cleared'; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'unsupported'; readonly reason: string };
