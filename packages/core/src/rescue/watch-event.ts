import type { ByteRange } from '../ranges/byte-range.js';

/**
 * What a watch noticed. Ranges are whole blocks clipped to the file.
 *
 * - `new`: the kernel lists these now. They are known from here on: accesses throw without touching them.
 * - `cleared`: no longer listed, because a repair or a write by this process or another cleared them, or because the
 *   file has given the blocks away.
 * - `unsupported`: the list could be read and now cannot; errors may go unnoticed until a later event.
 */
export type WatchEvent =
  | { readonly kind: 'new' | 'cleared'; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'unsupported'; readonly reason: string };
