// A process that opens a file by whichever of its names is there, and loads, stores, repairs, scrubs and opens
// it again, at random, telling the oracle before and after.
import { setImmediate as turn } from 'node:timers/promises';
import { MediaError, PmemError, PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { poison } from '../../../packages/native/test/fault-injector.mjs';
import { LOST } from '../oracle/cell.mjs';
import { randomFrom } from '../random.mjs';
import { PAGE, pageOf, valuesIn } from './content.mjs';

const WEIGHTS = { load: 40, store: 25, view: 6, repair: 8, scrub: 3, salvage: 3, badBlocks: 2, reopen: 5, poison: 6 };
/** Codes whose messages a finding shows: they say of which call they come. */
const NAMED = new Set(['ERR_PMEM_MEDIA', 'ERR_PMEM_REPAIR_FAILED', 'ERR_PMEM_NO_SPACE']);
/** Operations between turns of the event loop, in which `stop` is heard. */
const OPERATIONS_A_TURN = 8;

export async function liveOnFile(options, { tell, name, stopped }) {
  const life = new FileLife(options, tell, name);
  while (!stopped()) {
    await life.step();
    if (life.steps % OPERATIONS_A_TURN === 0) await turn();
  }
  await life.end();
  return life.steps;
}

/** Looks at every page once. */
export async function lookAtFile(options, { tell, name }) {
  const life = new FileLife({ ...options, seed: 0, firstValue: 0 }, tell, name);
  await life.step();
  for (let page = 0; page < options.pages; page++) life.load(page);
  await life.end();
  return options.pages;
}

class FileLife {
  steps = 0;
  #file;
  #random;
  #next;
  /** Pages of this process's mapping that were made bad here and not repaired since: their media errors are no loss. */
  #poisoned = new Set();

  constructor({ paths, seed, pages, firstValue, canPoison = false }, tell, name) {
    Object.assign(this, { paths, pages, tell, name });
    this.#random = randomFrom(seed);
    this.#next = firstValue;
    this.weights = canPoison ? WEIGHTS : { ...WEIGHTS, poison: 0 };
  }

  async step() {
    this.steps++;
    if (this.#file === undefined) await this.#open();
    else await this[this.#random.weighted(this.weights)](this.#random.below(this.pages));
  }

  async end() {
    if (this.#file !== undefined) await this.#whole('close', () => this.#file.close());
  }

  load(page) {
    if (this.#file === undefined) return;
    this.#look(page, (bytes) => {
      this.#file.read(bytes, page * PAGE);
    });
  }

  view(page) {
    this.#look(page, (bytes) => {
      this.#file.withView({ offset: page * PAGE, length: PAGE }, (view) => {
        bytes.set(view);
      });
    });
  }

  store(page) {
    this.#write(page, (value) => {
      this.#file.write(pageOf(value, page), page * PAGE);
      this.#file.persist(page * PAGE, PAGE);
    });
  }

  /** Healthy pages are left alone, lost ones get a new value: either way the page can be read afterwards. */
  async repair(page) {
    const value = this.#next++;
    let asked = false;
    this.tell('try', page, value, 'repair');
    try {
      await this.#file.repair(
        { offset: page * PAGE, length: PAGE },
        {
          rebuild: ({ offset, length }) => {
            asked = true;
            return pageOf(value, page).subarray(offset - page * PAGE, offset - page * PAGE + length);
          },
        },
      );
      this.#poisoned.delete(page);
      // A repair that had nothing to ask for has changed nothing.
      if (asked) this.tell('done', page, value);
      else this.tell('failed', page, 'nothing-lost');
    } catch (error) {
      this.tell('failed', page, this.#codeAt(page, error));
    }
  }

  scrub() {
    return this.#whole('scrub', () => this.#file.scrub());
  }

  salvage() {
    return this.#whole('salvage', async () => {
      for (const { reason } of (await this.#file.salvage()).gaps) {
        if (!['media', 'lost', 'truncated', 'io'].includes(reason))
          this.tell('wrong', `a gap with the reason ${reason}`);
      }
    });
  }

  badBlocks() {
    return this.#whole('badBlocks', () => this.#file.badBlocks());
  }

  async reopen() {
    await this.#whole('close', () => this.#file.close());
    this.#file = undefined;
    this.#poisoned.clear();
  }

  /** Of this process's mapping only: whoever loads it gets a media error, and repair() gives the same bytes back. */
  async poison(page) {
    try {
      poison(this.#file.path, page * PAGE, PAGE);
    } catch {
      // The file has another name by now.
      return;
    }
    this.#poisoned.add(page);
    this.tell('note', page, 'poisoned');
    this.load(page);
    await this.repair(page);
    this.load(page);
  }

  #look(page, read) {
    const bytes = Buffer.alloc(PAGE);
    this.tell('look', page);
    let values;
    try {
      read(bytes);
      values = valuesIn(bytes, page);
    } catch (error) {
      if (this.#isPoison(page, error)) return this.tell('unread', page, 'own-poison');
      if (error.code === 'ERR_PMEM_LOST') values = [LOST];
      else if (error instanceof PmemError) return this.tell('unread', page, this.#code(error));
      else {
        this.tell('unread', page, 'wrong-bytes');
        return this.tell('wrong', error.stack);
      }
    }
    this.tell('saw', page, values.join(','));
  }

  #write(page, write) {
    const value = this.#next++;
    this.tell('try', page, value);
    try {
      write(value);
      this.tell('done', page, value);
    } catch (error) {
      this.tell('failed', page, this.#codeAt(page, error));
    }
  }

  async #whole(what, action) {
    this.tell('begin', what);
    try {
      await action();
      this.tell('ended', what, 'ok');
    } catch (error) {
      this.tell('ended', what, this.#code(error));
    }
  }

  /** A file that is renamed just now has another name a moment later. */
  async #open() {
    this.tell('begin', 'open');
    let failure;
    for (let attempt = 0; attempt < 50; attempt++) {
      for (const path of this.paths) {
        try {
          this.#file = await PmemFile.open(path, { driver: nativeDriver(), size: this.pages * PAGE });
          this.tell('opened', path);
          return;
        } catch (error) {
          if (error.code !== 'ERR_PMEM_NOT_FOUND') failure = error;
        }
      }
      if (failure !== undefined) break;
    }
    this.tell('ended', 'open', failure === undefined ? 'ERR_PMEM_NOT_FOUND' : this.#code(failure));
    await turn();
  }

  /** A hole that cannot be loaded (the file was cut off meanwhile) is taken for one that no space is left for. */
  #isPoison(page, error) {
    const isOfPoison = error instanceof MediaError || error.code === 'ERR_PMEM_NO_SPACE';
    return isOfPoison && this.#poisoned.has(page);
  }

  #codeAt(page, error) {
    return this.#isPoison(page, error) ? 'own-poison' : this.#code(error);
  }

  #code(error) {
    if (!(error instanceof PmemError)) this.tell('wrong', error.stack);
    else if (NAMED.has(error.code)) this.tell('note', error.code, error.message);
    return error.code ?? error.name;
  }
}
