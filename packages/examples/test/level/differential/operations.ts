/** What a random program does with a Level database: data alone, so that a failing program can be printed and shrunk. */
import fc from 'fast-check';

export type Encoding = 'utf8' | 'buffer' | 'view' | 'hex' | 'base64' | 'json';

/** A key or value that no encoding takes. Keys are written with a character a byte. */
export interface Nothing {
  readonly no: 'null' | 'undefined';
}

export interface Range {
  readonly gt?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface Place {
  /** Which of the databases: 0 is the root, the others are sublevels of it. */
  readonly level: number;
  readonly encoding: Encoding;
}

export interface BatchStep {
  readonly type: 'put' | 'del';
  readonly level: number;
  readonly key: string | Nothing;
  readonly value: number;
}

export type IteratorKind = 'iterator' | 'keys' | 'values';

export type Operation =
  | { readonly do: 'put'; readonly at: Place; readonly key: string | Nothing; readonly value: number | Nothing }
  | { readonly do: 'del'; readonly at: Place; readonly key: string | Nothing }
  | { readonly do: 'get' | 'getSync' | 'has'; readonly at: Place; readonly key: string | Nothing; readonly snapshot: number }
  | { readonly do: 'getMany' | 'hasMany'; readonly at: Place; readonly keys: readonly string[]; readonly snapshot: number }
  | { readonly do: 'batch' | 'chained'; readonly at: Place; readonly steps: readonly BatchStep[]; readonly end: 'write' | 'close' | 'clear' }
  | { readonly do: 'clear'; readonly at: Place; readonly range: Range; readonly snapshot: number }
  | { readonly do: 'scan'; readonly at: Place; readonly kind: IteratorKind; readonly range: Range; readonly snapshot: number; readonly by: 'all' | 'nextv' | 'for' }
  | { readonly do: 'open iterator'; readonly at: Place; readonly kind: IteratorKind; readonly range: Range; readonly snapshot: number; readonly slot: number }
  | { readonly do: 'next' | 'all' | 'close iterator'; readonly slot: number }
  | { readonly do: 'nextv'; readonly slot: number; readonly size: number }
  | { readonly do: 'seek'; readonly slot: number; readonly target: string }
  | { readonly do: 'snapshot'; readonly level: number; readonly slot: number }
  | { readonly do: 'close snapshot'; readonly slot: number }
  /** Calls that begin before close() has, and after; then the database opens again. */
  | { readonly do: 'close race'; readonly before: readonly string[]; readonly after: readonly string[] }
  | { readonly do: 'reopen' }
  /** What only a PmemLevel has a use for: the others go on. */
  | { readonly do: 'checkpoint' | 'repair' | 'power loss' }
  | { readonly do: 'poison'; readonly file: number; readonly page: number };

export const SLOTS = 3;
export const LEVELS = 4;
/** The slot of "no snapshot". */
export const NO_SNAPSHOT = SLOTS;

const LETTERS = ['\0', '!', '"', 'a', 'b', 'c', '\x7f', '\xc3', '\xff'];

const key = fc.oneof(
  { weight: 12, arbitrary: fc.array(fc.constantFrom(...LETTERS), { maxLength: 3 }).map((letters) => letters.join('')) },
  { weight: 4, arbitrary: fc.constant('') },
  // Not longer than a key of this engine may be, in whichever encoding.
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...LETTERS), fc.constantFrom(20, 120, 150)).map(([letter, count]) => letter.repeat(count)) },
);
const nothing = fc.constantFrom<Nothing>({ no: 'null' }, { no: 'undefined' });
const keyOrNothing = fc.oneof({ weight: 30, arbitrary: key }, { weight: 1, arbitrary: nothing });
const encoding = fc.constantFrom<Encoding>('utf8', 'utf8', 'utf8', 'buffer', 'view', 'hex', 'base64', 'json');
const level = fc.nat(LEVELS - 1);
const at = fc.record({ level, encoding });
const slot = fc.nat(SLOTS - 1);
const snapshot = fc.oneof({ weight: 3, arbitrary: fc.constant(NO_SNAPSHOT) }, { weight: 1, arbitrary: slot });
const value = fc.nat(40);
const limit = fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.constantFrom(0, 1, 2, 3, 100) });
const range = fc.record({ gt: key, gte: key, lt: key, lte: key, reverse: fc.boolean(), limit }, { requiredKeys: [] });
const kind = fc.constantFrom<IteratorKind>('iterator', 'keys', 'values');
const step = fc.record({ type: fc.constantFrom('put', 'put', 'del'), level, key: keyOrNothing, value });
const steps = fc.array(step, { maxLength: 6 });

const weighted: readonly (readonly [number, fc.Arbitrary<Operation>])[] = [
  [14, fc.record({ do: fc.constant('put'), at, key: keyOrNothing, value: fc.oneof({ weight: 30, arbitrary: value }, { weight: 1, arbitrary: nothing }) })],
  [4, fc.record({ do: fc.constant('del'), at, key: keyOrNothing })],
  [5, fc.record({ do: fc.constantFrom('get', 'getSync', 'has'), at, key: keyOrNothing, snapshot })],
  [2, fc.record({ do: fc.constantFrom('getMany', 'hasMany'), at, keys: fc.array(key, { maxLength: 4 }), snapshot })],
  [6, fc.record({ do: fc.constantFrom('batch', 'chained'), at, steps, end: fc.constantFrom('write', 'write', 'write', 'close', 'clear') })],
  [7, fc.record({ do: fc.constant('clear'), at, range, snapshot })],
  [6, fc.record({ do: fc.constant('scan'), at, kind, range, snapshot, by: fc.constantFrom('all', 'nextv', 'for') })],
  [6, fc.record({ do: fc.constant('open iterator'), at, kind, range, snapshot, slot })],
  [8, fc.record({ do: fc.constantFrom('next', 'next', 'next', 'all', 'close iterator'), slot })],
  [4, fc.record({ do: fc.constant('nextv'), slot, size: fc.nat(4) })],
  [8, fc.record({ do: fc.constant('seek'), slot, target: key })],
  [3, fc.record({ do: fc.constant('snapshot'), level, slot })],
  [2, fc.record({ do: fc.constant('close snapshot'), slot })],
  [1, fc.record({ do: fc.constant('close race'), before: fc.array(key, { maxLength: 3 }), after: fc.array(key, { maxLength: 2 }) })],
  [1, fc.record({ do: fc.constant('reopen') })],
  [3, fc.record({ do: fc.constantFrom('checkpoint', 'repair', 'power loss') })],
  [2, fc.record({ do: fc.constant('poison'), file: fc.nat(3), page: fc.nat(40) })],
];

/** Programs of up to so many operations. */
export function programs(maxLength: number): fc.Arbitrary<Operation[]> {
  const operation = fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })));
  return fc.array(operation, { maxLength, size: 'max' });
}
