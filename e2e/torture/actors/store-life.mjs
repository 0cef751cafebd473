// A process that opens a PageStore or a PmemLevel and writes to it in several lanes at once, reads, repairs and makes
// checkpoints, until it is stopped or killed. It opens the store again after an error that closes it.
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { PmemFile } from '@safe-pmem/core';
import { PmemLevel } from '@safe-pmem/examples/level';
import { PageStore } from '@safe-pmem/examples/pages';
import { nativeDriver } from '@safe-pmem/native';
import { LOST } from '../oracle/cell.mjs';
import { teller } from '../oracle/tell.mjs';
import { randomFrom, seedOf } from '../random.mjs';

const DATA_BYTES = 64 * 1024;
const LOG_BYTES = 256 * 1024;
const WEIGHTS = { put: 50, del: 10, batch: 8, get: 30, checkpoint: 1, repair: 1 };
/** Lengths of values: most are short, some need pages of their own. */
const LONG = 6000;
const SHORT = 300;

export const driver = nativeDriver();

/** What the four files are called, by engine. */
export function storePaths(location, mirrorLocation) {
  return {
    file: `${location}.pages`,
    log: `${location}.log`,
    mirror: `${mirrorLocation}.pages-mirror`,
    logMirror: `${mirrorLocation}.log-mirror`,
  };
}

/** Opens the store; its `close` closes the files as well. */
export async function openStore({ engine, location, mirrorLocation }) {
  if (engine === 'level') {
    const level = new PmemLevel(location, {
      driver,
      mirrorLocation,
      logBytes: LOG_BYTES,
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    });
    await level.open();
    return level;
  }
  const files = {};
  try {
    for (const [role, path] of Object.entries(storePaths(location, mirrorLocation))) {
      const size = role.startsWith('log') ? LOG_BYTES : DATA_BYTES;
      files[role] = await openOrMake(path, size);
    }
    const store = await PageStore.open({ ...files, create: true });
    const close = store.close.bind(store);
    store.scrub = async () => {
      for (const file of Object.values(files)) await file.scrub();
    };
    store.close = async () => {
      // Whatever becomes of the store: a file stays locked as long as it is open.
      const closed = [await Promise.allSettled([close()])];
      closed.push(await Promise.allSettled(Object.values(files).map((file) => file.close())));
      for (const { reason } of closed.flat()) if (reason !== undefined) throw reason;
    };
    return store;
  } catch (error) {
    for (const file of Object.values(files)) await file.close().catch(() => undefined);
    throw error;
  }
}

/** A file that is there has its size, whatever the size of a new one is. */
async function openOrMake(path, size) {
  try {
    const file = await PmemFile.open(path, { driver, exclusive: true });
    if (file.size > 0) return file;
    // Its process was killed while it made the file.
    await file.close();
    return PmemFile.open(path, { driver, exclusive: true, create: true, size, preallocate: true });
  } catch (error) {
    if (error.code !== 'ERR_PMEM_NOT_FOUND') throw error;
    return PmemFile.open(path, { driver, exclusive: true, create: true, size, preallocate: true });
  }
}

const valueOf = (key, version) => {
  const head = `${key} ${version} `;
  return Buffer.from(head.padEnd(head.length + (version % 17 === 0 ? LONG : version % SHORT), String(version % 10)));
};

export class StoreLife {
  operations = 0;
  /** What has begun and not ended, a name for each. */
  underWay = new Set();
  #options;
  #name;
  #stopped;
  #next;
  #store;
  #opening;
  #tell;

  constructor(options, { tell, name, stopped }) {
    this.#options = options;
    this.#next = options.firstVersion;
    this.#tell = tell;
    this.#name = name;
    this.#stopped = stopped;
  }

  /** `onOperation(kind, milliseconds)` is told of each that succeeded. */
  async run(onOperation = () => undefined) {
    const { lanes, fifo, seed } = this.#options;
    await this.#opened();
    await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        const random = randomFrom(seedOf(seed, lane));
        const tell = teller(fifo, `${this.#name}.${lane}`);
        while (!this.#stopped()) {
          const kind = random.weighted(this.#options.weights ?? WEIGHTS);
          const begun = performance.now();
          const what = `${kind} of lane ${lane}`;
          this.underWay.add(what);
          const succeeded = await this.#step(kind, random, tell);
          this.underWay.delete(what);
          if (succeeded) onOperation(kind, performance.now() - begun);
          if (++this.operations % 8 === 0) await turn();
        }
      }),
    );
    await this.#store?.close();
  }

  /** Every key once. */
  async lookAtAll() {
    await this.#opened();
    for (let number = 0; number < this.#options.keys; number++)
      await this.#get(this.#store, keyOf(number), this.#tell);
    await this.#store.close();
  }

  async #step(kind, random, tell) {
    const store = await this.#opened();
    if (store === undefined) return false;
    const key = keyOf(random.below(this.#options.keys));
    if (kind === 'get') return this.#get(store, key, tell);
    if (['checkpoint', 'repair', 'scrub'].includes(kind)) return this.#whole(store, kind, () => store[kind](), tell);
    const keys =
      kind === 'batch'
        ? [...new Set([key, keyOf(random.below(this.#options.keys)), keyOf(random.below(this.#options.keys))])]
        : [key];
    const writes = keys.map((one) => ({ key: one, version: kind === 'del' ? 0 : this.#next++ }));
    for (const { key: one, version } of writes) tell('try', one, version);
    try {
      const changes = writes.map(({ key: one, version }) =>
        version === 0
          ? { type: 'del', key: Buffer.from(one) }
          : { type: 'put', key: Buffer.from(one), value: valueOf(one, version) },
      );
      await store.batch(changes);
      for (const { key: one, version } of writes) tell('done', one, version);
      return true;
    } catch (error) {
      for (const { key: one } of writes) tell('failed', one, codeOf(error));
      await this.#failed(store, error);
      return false;
    }
  }

  async #get(store, key, tell) {
    tell('look', key);
    try {
      const value = await store.get(Buffer.from(key));
      const version =
        value === undefined
          ? 0
          : Number(
              Buffer.from(value)
                .toString('latin1', key.length + 1)
                .split(' ', 1)[0],
            );
      if (value !== undefined && Buffer.compare(value, valueOf(key, version)) !== 0)
        tell('wrong', `the value of ${key} is not one that was written`);
      tell('saw', key, version);
      return true;
    } catch (error) {
      if (isLoss(error)) tell('saw', key, LOST);
      else tell('unread', key, codeOf(error));
      return false;
    }
  }

  async #whole(store, what, action, tell) {
    tell('begin', what);
    try {
      await action();
      tell('ended', what, 'ok');
      return true;
    } catch (error) {
      tell('ended', what, codeOf(error));
      await this.#failed(store, error);
      return false;
    }
  }

  /** The store, opened if it is not; undefined if it cannot be opened now. */
  async #opened() {
    if (this.#store !== undefined) return this.#store;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open() {
    this.#tell('begin', 'open');
    try {
      this.#store = await openStore(this.#options);
      this.#tell('opened', this.#options.location);
    } catch (error) {
      this.#tell('ended', 'open', codeOf(error));
      await sleep(20);
    }
    return this.#store;
  }

  /** A store that has failed for good is opened anew; whoever else is in it sees that it is closed. */
  async #failed(store, error) {
    const codes = [error.code, error.cause?.code];
    if (
      !codes.some((code) => ['ERR_PAGES_FAILED', 'ERR_WAL_FAILED', 'ERR_PMEM_IO', 'ERR_PMEM_NO_SPACE'].includes(code))
    )
      return;
    if (this.#store !== store) return;
    this.#store = undefined;
    this.#opening = store
      .close()
      .catch(() => undefined)
      .then(() => this.#open())
      .finally(() => {
        this.#opening = undefined;
      });
    await this.#opening;
  }
}

export async function liveOnStore(options, process) {
  const life = new StoreLife(options, process);
  if (options.look) await life.lookAtAll();
  else await life.run();
  return life.operations;
}

function keyOf(number) {
  return `key-${String(number).padStart(4, '0')}`;
}

function isLoss(error) {
  return [error.code, error.cause?.code].some(
    (code) => code === 'ERR_PAGES_LOST' || code === 'ERR_PMEM_MEDIA' || code === 'ERR_PMEM_LOST',
  );
}

/** A Level wraps what the store has thrown. */
function codeOf(error) {
  return error.cause?.code ?? error.code ?? `${error.name}:${error.message.replaceAll(' ', '-')}`;
}
