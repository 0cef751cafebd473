/** A paged store on PmemFile. See README.md beside this file. */
export type { Bytes } from './bytes.js';
export { keyRangeOf } from './cursor.js';
export type { Entry, KeyRange, RangeOptions } from './cursor.js';
export type { Change } from './log-record.js';
export type { FileRole, PageDamage } from './page-files.js';
export { PageStore } from './page-store.js';
export type { ClearedRange, ClearOptions, SlotKind } from './page-store.js';
export { LostKeysError, PagesError } from './pages-error.js';
export type { PagesErrorCode } from './pages-error.js';
export type { PageAddress, StoreRepairReport } from './repair-store.js';
export { EntryCursor, Snapshot } from './snapshot.js';
export type { LeafProgress, StoreOptions } from './store-options.js';
