// The same one level up: PmemFile, whose errors are part of its interface, with truncation from outside or with poisoned
// pages. Not with both: a page that was poisoned by userfaultfd and then cut off makes the next access wait for ever.
import { rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { PmemError, PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { makeBytes, requireNothingOutside, stateOf } from './buffers.mjs';
import { PAGE, requireRight, rightBytes } from './content.mjs';
import { hostileNumber, isBytes, notAByteArray } from './hostile-values.mjs';
import { checkSalvage, judge, rangesOf } from './pmem-file-answers.mjs';
import { Problem } from './problem.mjs';

const driver = nativeDriver();
const MOST_PAGES = 48;

/** What a caller of repair() may have thought of. */
const rebuilds = {
  right: ({ offset, length }) => rightBytes(offset, length),
  late: async ({ offset, length }) => {
    await new Promise(setImmediate);
    return rightBytes(offset, length);
  },
  tooShort: ({ offset, length }) => rightBytes(offset, length - 1),
  nothing: () => undefined,
  notBytes: ({ length }) => 'x'.repeat(length),
  throws: () => {
    throw new Error('nothing to rebuild from');
  },
  rejects: async () => Promise.reject(new TypeError('nor later')),
};

export class PmemFileActor {
  #random;
  #place;
  #files = [];
  #pending = new Set();

  constructor(random, place) {
    this.#random = random;
    this.#place = place;
  }

  async step() {
    const random = this.#random;
    const doing =
      this.#files.length === 0
        ? 'open'
        : random.weighted({ call: 80, open: 4, fault: 6, hostileJournal: 1, gc: 2, wait: 6, turn: 3 });
    if (doing === 'call') this.#call(random.pick(this.#files));
    else if (doing === 'open') await this.#open();
    else if (doing === 'fault' && this.#place.poison === undefined) this.#truncateOutside();
    else if (doing === 'fault') this.#poison(random.pick(this.#files));
    else if (doing === 'hostileJournal') this.#hostileJournal();
    else if (doing === 'gc') globalThis.gc?.();
    else if (doing === 'wait') await this.settle();
    else await new Promise(setImmediate);
  }

  async settle() {
    await Promise.all(this.#pending);
  }

  async closeAll() {
    for (const file of this.#files) this.#track('close', true, () => file.close());
    await this.settle();
    this.#files = [];
  }

  /** Opened anew, whatever a journal says, a file can be written and read back as a whole. */
  async verifyOne() {
    await this.closeAll();
    const name = this.#name();
    this.#place.log(`verify ${name}`);
    const size = PAGE * this.#random.between(1, MOST_PAGES) + this.#random.below(2) * 100;
    rmSync(`${name}.repair`, { force: true, recursive: true });
    const file = await PmemFile.open(name, { driver, create: true, size: PAGE, journal: 'discard' }).catch((error) => {
      // Cut to less than a page, and not empty, so not new.
      if (error.code === 'ERR_PMEM_TOO_SMALL') return PmemFile.open(name, { driver, journal: 'discard' });
      throw error;
    });
    await file.resize(size);
    const at = this.#random.below(size);
    file.write(rightBytes(at, size - at), at);
    file.persist();
    const whole = new Uint8Array(size);
    file.read(whole, 0);
    requireRight('a healthy file', whole, 0);
    if (Buffer.compare(whole.subarray(at), rightBytes(at, size - at)) !== 0)
      throw new Problem('a healthy file lost a write');
    await file.close();
    return true;
  }

  #name() {
    return path.join(this.#place.folder, this.#random.pick(this.#place.names));
  }

  async #open() {
    const random = this.#random;
    const name = this.#name();
    const options = { driver, create: random.chance(0.9), readOnly: false, preallocate: random.chance(0.3) };
    if (random.chance(0.7)) options.size = PAGE * random.between(1, 16);
    if (random.chance(0.4)) options.journal = 'discard';
    if (random.chance(0.05)) options[random.pick(['size', 'create', 'journal'])] = hostileNumber(random);
    if (random.chance(0.1)) Object.assign(options, { readOnly: true, create: false });
    this.#place.log(`PmemFile.open ${name} ${inspect(options, { depth: 0 })}`);
    try {
      this.#files.push(await PmemFile.open(name, options));
    } catch (error) {
      judge('open', undefined, error);
    }
  }

  #call(file) {
    const random = this.#random;
    const doing = random.weighted({
      read: 20,
      write: 16,
      persist: 6,
      persistAsync: 5,
      salvage: 3,
      badBlocks: 1,
      scrub: 3,
      repair: 8,
      repairAll: 3,
      info: 1,
      close: 1,
      resize: this.#place.poison === undefined ? 4 : 0,
    });
    const [at, long] = this.#range(file);
    this.#place.log(`${doing} ${inspect([at, long])} of ${file.path} (${file.size} bytes)`);
    const range = { offset: at, length: long };
    // Sizes change before a call has its turn, so a range that is right may be refused; a wrong one may not be taken.
    const valid = isBytes(at) && isBytes(long) ? undefined : false;
    const hasDefault = at === undefined || long === undefined;
    if (doing === 'read') this.#read(file, at, long);
    else if (doing === 'write') this.#write(file, at, long);
    else if (doing === 'persist')
      this.#track(doing, hasDefault ? undefined : valid, () => {
        file.persist(at, long);
      });
    else if (doing === 'persistAsync')
      this.#track(doing, hasDefault ? undefined : valid, () => file.persistAsync(at, long));
    else if (doing === 'salvage')
      this.#track(
        doing,
        valid,
        () => file.salvage(range),
        (salvage) => {
          checkSalvage(salvage, range);
        },
      );
    else if (doing === 'badBlocks') this.#track(doing, undefined, () => file.badBlocks());
    else if (doing === 'scrub') this.#scrub(file, range, valid);
    else if (doing === 'repair') this.#repair(file, random.chance(0.5) ? range : [range, range], valid);
    else if (doing === 'repairAll') this.#repair(file, [{ offset: 0, length: Math.max(1, file.size) }], undefined);
    else if (doing === 'resize')
      this.#track(doing, undefined, () =>
        file.resize(random.chance(0.1) ? hostileNumber(random) : PAGE * random.below(MOST_PAGES) + random.below(2)),
      );
    else if (doing === 'info')
      this.#track(doing, undefined, () => {
        file.info();
      });
    else this.#track(doing, undefined, () => file.close());
  }

  #range(file) {
    const random = this.#random;
    if (random.chance(0.06)) return [hostileNumber(random), random.below(PAGE)];
    if (random.chance(0.06)) return [random.below(file.size + 1), hostileNumber(random)];
    const at = random.below(file.size + 2);
    return [at, random.chance(0.3) ? Math.max(0, file.size - at) : random.below(3 * PAGE)];
  }

  #read(file, at, long) {
    if (!isBytes(long) || this.#random.chance(0.03)) {
      this.#track('read', false, () => {
        file.read(notAByteArray(this.#random), at);
      });
      return;
    }
    const bytes = makeBytes(this.#random, long);
    if (this.#random.chance(0.05)) bytes.spoil(this.#random);
    const { length: now, detached } = stateOf(bytes.array);
    const plain = detached || bytes.kind === 'inherited' ? undefined : bytes.array;
    let failure;
    this.#track('read', detached ? false : undefined, () => {
      try {
        file.read(bytes.array, at);
      } catch (error) {
        failure = error;
        throw error;
      }
    });
    if (plain === undefined) return;
    requireNothingOutside('read', bytes);
    // Whatever lies outside the ranges that the error names is as in the file; a RangeError has touched nothing.
    if (failure === undefined || (failure instanceof PmemError && failure.ranges.length > 0)) {
      requireRight(`read (${failure?.code ?? 'whole'})`, plain.subarray(0, now), at, rangesOf(failure));
    }
  }

  #write(file, at, long) {
    if (!isBytes(long) || !isBytes(at) || this.#random.chance(0.03)) {
      this.#track('write', false, () => {
        file.write(notAByteArray(this.#random), at);
      });
      return;
    }
    this.#track('write', undefined, () => {
      file.write(rightBytes(at, long), at);
    });
  }

  #scrub(file, range, valid) {
    const random = this.#random;
    const controller = new AbortController();
    const options = { range, signal: controller.signal };
    if (random.chance(0.1))
      options.onProgress = () => {
        throw new Error('a callback that throws');
      };
    if (random.chance(0.2)) controller.abort(new Error('not wanted'));
    this.#track('scrub', valid, () => file.scrub(options));
    if (random.chance(0.2))
      setImmediate(() => {
        controller.abort(new Error('not wanted any more'));
      });
  }

  #repair(file, ranges, valid) {
    const random = this.#random;
    const options = {};
    const how = random.weighted({
      right: 8,
      late: 4,
      fill: 6,
      loss: 4,
      tooShort: 1,
      nothing: 1,
      notBytes: 1,
      throws: 1,
      rejects: 1,
      reenters: 2,
    });
    if (how === 'fill') options.fill = 0;
    else if (how === 'reenters') options.rebuild = (range) => this.#reenter(file, range);
    else if (how !== 'loss') options.rebuild = rebuilds[how];
    this.#track(`repair (${how})`, valid, () => file.repair(ranges, options));
  }

  /** What a rebuild callback should not do to the file that is being repaired, and may. */
  async #reenter(file, range) {
    const doing = this.#random.pick(['write', 'resize', 'close', 'repair', 'read', 'salvage']);
    this.#place.log(`  in rebuild: ${doing}`);
    const attempt = {
      write: () => {
        file.write(rightBytes(range.offset, range.length), range.offset);
      },
      resize: () => file.resize(PAGE),
      close: () => file.close(),
      repair: () => file.repair(range),
      read: () => {
        file.read(new Uint8Array(range.length), range.offset);
      },
      salvage: () => file.salvage(),
    }[doing];
    await Promise.resolve()
      .then(attempt)
      .catch((error) => {
        judge(doing, undefined, error);
      });
    return rightBytes(range.offset, range.length);
  }

  #track(name, valid, start, check) {
    const judged = Promise.resolve(safely(start)).then((outcome) => {
      if ('error' in outcome) judge(name, valid, outcome.error);
      else if (valid === false) throw new Problem(`${name} took arguments that are wrong`);
      else check?.(outcome.value);
    });
    this.#pending.add(judged);
    judged.then(
      () => this.#pending.delete(judged),
      () => undefined,
    );
  }

  #truncateOutside() {
    const name = this.#name();
    const size = this.#random.pick([0, 1, PAGE, this.#random.below(MOST_PAGES * PAGE)]);
    this.#place.log(`outside truncate ${name} ${size}`);
    try {
      truncateSync(name, size);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }

  #hostileJournal() {
    const name = `${this.#name()}.repair`;
    this.#place.log(`hostile journal ${name}`);
    rmSync(name, { force: true });
    if (this.#random.chance(0.2)) symlinkSync('/etc/passwd', name);
    else writeFileSync(name, rightBytes(0, this.#random.pick([0, 1, 100, PAGE, 100_000])));
  }

  #poison(file) {
    const pages = Math.floor(file.size / PAGE);
    if (this.#place.poison === undefined || file.closed || pages === 0) return;
    const offset = PAGE * this.#random.below(pages);
    this.#place.log(`poison ${file.path} ${offset}`);
    this.#place.poison(file.path, offset);
  }
}

async function safely(start) {
  try {
    return { value: await start() };
  } catch (error) {
    return { error };
  }
}
