/** A Level database as layers from before promises expect it: callbacks, streams, an event for each kind of write. */
import { EventEmitter } from 'node:events';
import type { AbstractLevel } from 'abstract-level';
import { EntryStream } from 'level-read-stream';

type Callback = (error?: Error | null, value?: unknown) => void;
interface Encodings {
  readonly keyEncoding?: string;
  readonly valueEncoding?: string;
}
export interface Operation {
  readonly type: 'put' | 'del';
  readonly key: string;
  readonly value?: string;
}
type Action = (encodings: object) => Promise<unknown>;
type Level = AbstractLevel<string | Buffer | Uint8Array>;

export class CallbackFace extends EventEmitter {
  readonly #db: Level;

  constructor(db: Level) {
    super();
    this.#db = db;
  }

  put(key: string, value: string, options: Encodings | Callback, callback?: Callback): void {
    this.#run(options, callback, async (encodings) => {
      await this.#db.put(key, value, encodings);
      this.emit('put', key, value);
    });
  }

  del(key: string, options: Encodings | Callback, callback?: Callback): void {
    this.#run(options, callback, async (encodings) => {
      await this.#db.del(key, encodings);
      this.emit('del', key);
    });
  }

  batch(operations: readonly Operation[], options: Encodings | Callback, callback?: Callback): void {
    this.#run(options, callback, async (encodings) => {
      await this.#db.batch(operations as never, encodings);
      this.emit('batch', operations);
    });
  }

  get(key: string, options: Encodings | Callback, callback?: Callback): void {
    this.#run(options, callback, async (encodings) => {
      const value = await this.#db.get(key, encodings);
      if (value === undefined) throw Object.assign(new Error('not found'), { name: 'NotFoundError' });
      return value;
    });
  }

  createReadStream(range: object): EntryStream<string, string, Level> {
    return new EntryStream<string, string, Level>(this.#db, namesOf(range));
  }

  close(callback: Callback): void {
    this.#run(callback, undefined, () => this.#db.close());
  }

  #run(options: Encodings | Callback, callback: Callback | undefined, action: Action): void {
    const done = typeof options === 'function' ? options : (callback ?? (() => undefined));
    action(typeof options === 'function' ? {} : namesOf(options)).then((value) => { done(null, value); }, done);
  }
}

/** `binary` is what they called `buffer`. */
function namesOf<Options extends object>(options: Options): Options {
  const nameOf = (value: unknown): unknown => (value === 'binary' ? 'buffer' : value);
  const renamed = Object.entries(options).map(([name, value]) => [name, nameOf(value)]);
  return Object.fromEntries(renamed) as Options;
}
