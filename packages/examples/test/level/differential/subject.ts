/** One database under test, and the iterators and snapshots of it that a program holds open. */
import type { AbstractIterator, AbstractLevel, AbstractSnapshot } from 'abstract-level';
import type { BatchStep, Encoding, IteratorKind, Nothing, Operation, Place, Range } from './operations.js';

/** A database whose keys and values are in whichever encoding each call names. */
export type Level = AbstractLevel<string | Buffer | Uint8Array, unknown, unknown>;
/** What iterator(), keys() and values() have in common. */
export type Held = AbstractIterator<Level, unknown, unknown>;

interface ChainedBatch {
  readonly length: number;
  put(key: unknown, value: unknown, options: object): unknown;
  del(key: unknown, options: object): unknown;
  clear(): unknown;
  write(): Promise<void>;
  close(): Promise<void>;
}

/** What makes a kind of database: how to get at it, and what only it can do. */
export interface Subject {
  readonly name: string;
  /** Opens the database, for the first time or again. */
  open(): Promise<Level>;
  /** Does what only this kind has a use for. */
  special(operation: Operation, db: Level): Promise<void>;
  close(): Promise<void>;
  /** Closes it, and takes away what it has left behind. */
  dispose(): Promise<void>;
}

export class Session {
  readonly subject: Subject;
  #levels: Level[] = [];
  readonly #iterators = new Map<number, Held>();
  readonly #snapshots = new Map<number, AbstractSnapshot>();
  readonly #closedSnapshots = new WeakSet<AbstractSnapshot>();
  /** Opened on a snapshot that was closed: each answers with an error, except to a seek. */
  readonly #stale = new WeakSet<Held>();

  constructor(subject: Subject) {
    this.subject = subject;
  }

  async open(): Promise<void> {
    const root = await this.subject.open();
    const inner = root.sublevel('s');
    const nested = root.sublevel(['s', 't']);
    const json = root.sublevel('j', { valueEncoding: 'json' });
    this.#levels = [root, ...([inner, nested, json] as unknown as Level[])];
    for (const level of this.#levels) await level.open();
  }

  async perform(operation: Operation): Promise<unknown> {
    switch (operation.do) {
      case 'put': {
        const { level, options } = this.#at(operation.at);
        return level.put(keyOf(operation.key, operation.at.encoding), valueOf(operation.value, operation.at.encoding), options);
      }
      case 'del': {
        const { level, options } = this.#at(operation.at);
        return level.del(keyOf(operation.key, operation.at.encoding), options);
      }
      case 'get':
      case 'getSync':
      case 'has': {
        const { level, options } = this.#at(operation.at, operation.snapshot);
        return reads(level)[operation.do](keyOf(operation.key, operation.at.encoding), options);
      }
      case 'getMany':
      case 'hasMany': {
        const { level, options } = this.#at(operation.at, operation.snapshot);
        return reads(level)[operation.do](operation.keys.map((key) => keyOf(key, operation.at.encoding)), options);
      }
      case 'batch':
        return this.#batch(operation.at, operation.steps);
      case 'chained':
        return this.#chained(operation.at, operation.steps, operation.end);
      case 'clear': {
        const { level, options } = this.#at(operation.at, operation.snapshot);
        return level.clear({ ...options, ...rangeOf(operation.range, operation.at.encoding) } as never);
      }
      case 'scan':
        return scan(this.#iterate(operation), operation.by);
      case 'open iterator':
        await this.#iterators.get(operation.slot)?.close();
        this.#iterators.delete(operation.slot);
        this.#iterators.set(operation.slot, this.#iterate(operation));
        return undefined;
      case 'next':
        return this.#iterators.get(operation.slot)?.next();
      case 'all':
        return this.#iterators.get(operation.slot)?.all();
      case 'close iterator':
        return this.#iterators.get(operation.slot)?.close();
      case 'nextv':
        return this.#iterators.get(operation.slot)?.nextv(operation.size);
      case 'seek':
        this.#seek(this.#iterators.get(operation.slot), Buffer.from(operation.target, 'latin1'));
        return undefined;
      case 'snapshot':
        await this.#snapshots.get(operation.slot)?.close();
        this.#snapshots.set(operation.slot, this.#level(operation.level).snapshot());
        return undefined;
      case 'close snapshot': {
        const snapshot = this.#snapshots.get(operation.slot);
        await snapshot?.close();
        if (snapshot !== undefined) this.#closedSnapshots.add(snapshot);
        return undefined;
      }
      case 'close race':
        return this.#race(operation.before, operation.after);
      case 'reopen':
        await this.#close();
        return this.open();
      case 'power loss':
        this.#iterators.clear();
        this.#snapshots.clear();
        await this.subject.special(operation, this.#level(0));
        return this.open();
      default:
        return this.subject.special(operation, this.#level(0));
    }
  }

  #level(index: number): Level {
    const level = this.#levels[index];
    if (level === undefined) throw new Error(`there is no level ${index}`);
    return level;
  }

  #at({ level, encoding }: Place, snapshot?: number): { readonly level: Level; readonly options: object } {
    const open = snapshot === undefined ? undefined : this.#snapshots.get(snapshot);
    const options = { keyEncoding: encoding, valueEncoding: encoding };
    return { level: this.#level(level), options: open === undefined ? options : { ...options, snapshot: open } };
  }

  #iterate(operation: Extract<Operation, { readonly kind: IteratorKind }>): Held {
    const { level, options } = this.#at(operation.at, operation.snapshot);
    const all = { ...options, ...rangeOf(operation.range, operation.at.encoding) };
    const iterating = level as unknown as Readonly<Record<IteratorKind, (options: object) => Held>>;
    const iterator = iterating[operation.kind](all);
    const snapshot = this.#snapshots.get(operation.snapshot);
    if (snapshot !== undefined && this.#closedSnapshots.has(snapshot)) this.#stale.add(iterator);
    return iterator;
  }

  /** Not in a stale iterator: classic-level 3.0.0 has read freed memory for its snapshot, and may end the process. */
  #seek(iterator: Held | undefined, target: Buffer): void {
    if (iterator === undefined || this.#stale.has(iterator)) return;
    const seeking = iterator as unknown as { seek(target: Buffer, options: object): void };
    seeking.seek(target, { keyEncoding: 'buffer' });
  }

  /** Closes the database, and with it every snapshot. */
  #close(): Promise<void> {
    for (const snapshot of this.#snapshots.values()) this.#closedSnapshots.add(snapshot);
    return this.subject.close();
  }

  async #batch(at: Place, steps: readonly BatchStep[]): Promise<void> {
    const { level, options } = this.#at(at);
    const operations = steps.map(({ type, level: target, key, value }) => {
      // A batch on a sublevel may reach only what lies below it: the root reaches all.
      const sublevel = at.level === 0 && target > 0 ? { sublevel: this.#level(target) } : {};
      const base = { type, key: keyOf(key, at.encoding), ...sublevel, ...options };
      return type === 'del' ? base : { ...base, value: valueOf(value, at.encoding) };
    });
    await level.batch(operations as never);
  }

  async #chained(at: Place, steps: readonly BatchStep[], end: 'write' | 'close' | 'clear'): Promise<unknown> {
    const { level, options } = this.#at(at);
    const batch = (level.batch as () => unknown).call(level) as ChainedBatch;
    try {
      for (const { type, key, value } of steps) {
        if (type === 'del') batch.del(keyOf(key, at.encoding), options);
        else batch.put(keyOf(key, at.encoding), valueOf(value, at.encoding), options);
      }
      if (end === 'clear') batch.clear();
      const { length } = batch;
      if (end !== 'close') await batch.write();
      return length;
    } finally {
      await batch.close();
    }
  }

  async #race(before: readonly string[], after: readonly string[]): Promise<unknown> {
    const root = this.#level(0);
    const put = async (key: string): Promise<void> => root.put(Buffer.from(key, 'latin1'), 'raced', { keyEncoding: 'buffer' });
    const earlier = before.map(put);
    const closed = this.#close();
    const later = after.map(put);
    const settled = await Promise.allSettled([...earlier, closed, ...later]);
    await this.open();
    return settled.map((one) => (one.status === 'fulfilled' ? 'done' : codeOf(one.reason)));
  }
}

/** The published types leave out some of what these methods take. */
function reads(level: Level): Readonly<Record<'get' | 'getSync' | 'has' | 'getMany' | 'hasMany', (key: unknown, options: object) => unknown>> {
  return level as never;
}

async function scan(iterator: Held, by: 'all' | 'nextv' | 'for'): Promise<unknown> {
  if (by === 'all') return iterator.all();
  const found: unknown[] = [];
  if (by === 'for') {
    for await (const entry of iterator) found.push(entry);
    return found;
  }
  try {
    for (let some = await iterator.nextv(2); some.length > 0; some = await iterator.nextv(2)) found.push(some);
    return found;
  } finally {
    await iterator.close();
  }
}

/** The key as the encoding wants it. */
function keyOf(key: string | Nothing, encoding: Encoding): unknown {
  if (typeof key !== 'string') return key.no === 'null' ? null : undefined;
  const bytes = Buffer.from(key, 'latin1');
  if (encoding === 'buffer') return bytes;
  if (encoding === 'view') return Uint8Array.from(bytes);
  return encoding === 'json' ? key : bytes.toString(encoding);
}

/** A value of some length; numbers from 30 on need pages of their own. */
function valueOf(number: number | Nothing, encoding: Encoding): unknown {
  if (typeof number !== 'number') return keyOf(number, encoding);
  const text = 'abcdefghijklm'.repeat(number < 30 ? 1 : 400).slice(0, number < 30 ? number : number * 100);
  return encoding === 'json' ? { number, text } : keyOf(text, encoding);
}

function rangeOf({ reverse, limit, ...bounds }: Range, encoding: Encoding): object {
  const encoded = Object.entries(bounds).map(([name, key]) => [name, keyOf(key, encoding)] as const);
  return { ...Object.fromEntries(encoded), ...(reverse === undefined ? {} : { reverse }), ...(limit === undefined ? {} : { limit }) };
}

/** What an error is compared by. */
export function codeOf(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  return String(code ?? name);
}
