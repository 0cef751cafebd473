import type { Bytes } from './bytes.js';

/**
 * One change. `clear` removes every key from `from` up to, but without, `to` (undefined: no end). An empty `to` is an
 * end like any other: no key comes before it, and nothing is removed.
 */
export type Change =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes }
  | { readonly type: 'clear'; readonly from: Bytes; readonly to: Bytes | undefined };
