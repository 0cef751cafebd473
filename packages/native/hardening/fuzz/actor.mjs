// One JavaScript thread that does random things to files: calls of every kind, through the driver and through the bare
// addon below it, and what other processes do to a file from outside.
import { linkSync, renameSync, truncateSync, unlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { inspect, types } from 'node:util';
import { nativeDriver } from '@safe-pmem/native';
import { binaryPath } from '../../scripts/target.mjs';
import { calls, leftOut } from './calls.mjs';
import { PAGE, requireRight, rightBytes, SPAN } from './content.mjs';
import { farAway, hostileNumber, hostilePaths, isBytes } from './hostile-values.mjs';
import { letGo } from './memory-calls.mjs';
import { Problem } from './problem.mjs';
import { isFailure, isOpenFailure } from './shapes.mjs';

const binding = createRequire(import.meta.url)(binaryPath(path.resolve(import.meta.dirname, '..', '..')));
const driver = nativeDriver();
const weights = Object.fromEntries(Object.entries(calls).map(([name, { weight }]) => [name, weight]));

export class Actor {
  #random;
  #place;
  #files = [];
  #pending = new Set();

  /** `place`: { folder, names, farAllocates, log }; `farAllocates` where an absurd allocation is refused untried. */
  constructor(random, place) {
    this.#random = random;
    this.#place = place;
  }

  get openFiles() {
    return this.#files.filter((file) => !file.closed).length;
  }

  async step() {
    const random = this.#random;
    const doing =
      this.#files.length === 0
        ? 'open'
        : random.weighted({
            call: 70,
            open: 5,
            openWrongly: 1,
            drop: 2,
            outside: 6,
            gc: 2,
            wait: 8,
            turn: 4,
            construct: 1,
          });
    if (doing === 'call') this.#call(random.pick(this.#files));
    else if (doing === 'open') await this.#open();
    else if (doing === 'openWrongly') await this.#openWrongly();
    else if (doing === 'drop') this.#drop(random.below(this.#files.length));
    else if (doing === 'outside') this.#outside();
    else if (doing === 'gc') globalThis.gc?.();
    else if (doing === 'wait') await this.settle();
    else if (doing === 'turn') await new Promise(setImmediate);
    else this.#construct(random.pick(this.#files));
  }

  /** Everything that was asked has been answered. */
  async settle() {
    await Promise.all(this.#pending);
  }

  async closeAll() {
    for (const file of this.#files)
      if (!file.closed && (file.kept || this.#random.chance(0.7))) this.#perform(file, 'close');
    await this.settle();
    this.#files = [];
    letGo();
  }

  /** Makes a file whole again, while nobody else touches it, and reads back what was written through every path. */
  async verifyOne() {
    await this.settle();
    const file = this.#files.find(({ closed, readOnly }) => !closed && !readOnly);
    if (file === undefined) return false;
    this.#place.log('verify');
    const { handle } = file;
    // What is stored through pages that stand in for others goes nowhere.
    handle.takeFault();
    const size = PAGE * this.#random.between(1, 64) + this.#random.pick([0, 1, 100]);
    const at = this.#random.below(size);
    const right = rightBytes(at, size - at);
    for (const [what, answer] of [
      ['resize', await handle.resize(size, false)],
      ['write', handle.write(right, at)],
      ['persist', handle.persist(at, size - at)],
    ])
      if (answer !== undefined) throw new Problem(`${what} of a healthy file answered ${inspect(answer)}`);
    const whole = new Uint8Array(size);
    if (handle.read(whole, 0) !== undefined) throw new Problem('a healthy file faults');
    requireRight('a healthy file', whole, 0);
    const byCall = new Uint8Array(size - at);
    const { transferredBytes } = await handle.pread(byCall, at);
    if (
      transferredBytes !== size - at ||
      Buffer.compare(byCall, right) !== 0 ||
      Buffer.compare(whole.subarray(at), right) !== 0
    ) {
      throw new Problem('a healthy file does not give back what was written to it');
    }
    return true;
  }

  async #open() {
    const random = this.#random;
    const name = path.join(this.#place.folder, random.pick(this.#place.names));
    const readOnly = random.chance(0.15);
    const create = !readOnly && random.chance(0.8);
    const size = create && random.chance(0.9) ? PAGE * random.between(1, 40) + random.pick([0, 0, 1, 77]) : undefined;
    const raw = random.chance(0.4);
    this.#place.log(`open ${raw ? 'raw ' : ''}${name} ${JSON.stringify({ readOnly, create, size })}`);
    const preallocate = random.chance(0.3);
    const outcome = raw
      ? await binding.open(name, readOnly, create, size, preallocate)
      : await driver.open(name, { readOnly, create, sizeBytes: size, preallocate });
    if (raw && !('failure' in outcome)) requireEveryFunction(outcome.handle);
    if (!('failure' in outcome))
      this.#files.push({ handle: raw ? outcome.handle : outcome.file, raw, readOnly, closed: false, kept: false });
    else if (!isFailure(outcome.failure)) throw new Problem(`open answered ${inspect(outcome)}`);
  }

  async #openWrongly() {
    const random = this.#random;
    const name = random.chance(0.6) ? random.pick(hostilePaths) : path.join(this.#place.folder, 'wrong');
    const size = random.chance(0.5) ? random.pick([hostileNumber(random), farAway(random)]) : undefined;
    const flag = () => (random.chance(0.1) ? random.pick([undefined, null, 0, 'yes']) : random.chance(0.5));
    const [readOnly, create, preallocate] = [flag(), flag(), flag() === true && this.#place.farAllocates];
    this.#place.log(`openWrongly ${inspect([name, readOnly, create, size, preallocate])}`);
    try {
      const raw = random.chance(0.5);
      const outcome = raw
        ? await Reflect.apply(binding.open, random.pick([binding, undefined, {}]), [
            name,
            readOnly,
            create,
            size,
            preallocate,
          ])
        : await driver.open(name, { readOnly, create, sizeBytes: size, preallocate });
      if (typeof name !== 'string' || (size !== undefined && !isBytes(size)))
        throw new Problem(`open took ${inspect([name, size])}`);
      if ('failure' in outcome && !isOpenFailure(outcome.failure)) throw new Problem(`open answered ${inspect(outcome)}`);
      if (!('failure' in outcome)) await (raw ? outcome.handle : outcome.file).close();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    }
  }

  #call(file) {
    const random = this.#random;
    let name = random.weighted(weights);
    while (calls[name][file.raw ? 'driverOnly' : 'rawOnly'] === true) name = random.weighted(weights);
    this.#perform(file, name);
  }

  #perform(file, name) {
    const random = this.#random;
    const mapped = file.closed ? 0 : file.raw ? file.handle.mappedBytes() : file.handle.mappedBytes;
    const call = calls[name].make(random, {
      mapped,
      handle: file.handle,
      raw: file.raw,
      readOnly: file.readOnly,
      farAllocates: this.#place.farAllocates,
    });
    if (random.chance(0.02) && call.args.length > 0) {
      call.args.length = random.below(call.args.length);
      call.valid = call.loose === true ? undefined : false;
    }
    if (random.chance(0.02)) call.args.push({}, 1n);
    const wasClosed = file.closed;
    if (name === 'close') file.closed = true;
    this.#place.log(`${file.raw ? 'raw ' : ''}${name}(${describe(call.args)})${wasClosed ? ' after close' : ''}`);
    const self = file.raw ? random.pick([file.handle, undefined, null, 5, {}]) : file.handle;
    let answer;
    try {
      answer = Reflect.apply(file.handle[name], self, call.args);
    } catch (error) {
      if (calls[name].asynchronous && !file.raw)
        throw new Problem(`${name} threw instead of rejecting: ${inspect(error)}`);
      judgeError(error, call, wasClosed);
      return;
    }
    if (!calls[name].asynchronous) {
      judgeValue(answer, call, wasClosed);
      return;
    }
    call.meanwhile?.();
    const judged = answer.then(
      (value) => {
        judgeValue(value, call, wasClosed);
      },
      (error) => {
        judgeError(error, call, wasClosed);
      },
    );
    this.#pending.add(judged);
    // The rejection stays for settle() to find.
    judged.then(
      () => this.#pending.delete(judged),
      () => undefined,
    );
  }

  /** Without close(): it goes when it is collected. */
  #drop(index) {
    if (!this.#files[index].kept) this.#files.splice(index, 1);
  }

  /** Functions made by Node-API are constructors too. V8 never collects one that has been used so (a cache of maps). */
  #construct(file) {
    const { read } = file.handle;
    file.kept = true;
    this.#place.log('new read()');
    try {
      Reflect.construct(read, [new Uint8Array(8), 0]);
    } catch (error) {
      if (!(error instanceof Error)) throw new Problem(`new read() threw ${inspect(error)}`);
    }
  }

  #outside() {
    const random = this.#random;
    const { folder, names } = this.#place;
    const name = path.join(folder, random.pick(names));
    const other = path.join(folder, random.pick(names));
    const doing = random.weighted({ truncate: 10, unlink: 1, rename: 1, link: 1, unlinkJournal: 1 });
    const size = random.pick([0, 1, PAGE, random.below(SPAN)]);
    this.#place.log(`outside ${doing} ${name} ${size}`);
    try {
      if (doing === 'truncate') truncateSync(name, size);
      else if (doing === 'unlink') unlinkSync(name);
      else if (doing === 'rename') renameSync(name, other);
      else if (doing === 'link') linkSync(name, other);
      else unlinkSync(path.join(path.dirname(name), 'fuzz.repair'));
    } catch (error) {
      if (!['ENOENT', 'EEXIST'].includes(error.code)) throw error;
    }
  }
}

/** Nothing that the addon offers is forgotten here. */
function requireEveryFunction(handle) {
  const unknown = Object.keys(handle).filter((name) => !(name in calls) && !(name in leftOut));
  if (unknown.length > 0) throw new Problem(`nobody fuzzes ${unknown.join(', ')}`);
}

function describe(args) {
  return args
    .map((value) => (types.isUint8Array(value) ? `bytes[${stateLength(value)}]` : inspect(value, { depth: 0 })))
    .join(', ');
}

function stateLength(array) {
  return Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length').get.call(array);
}

function judgeError(error, call, wasClosed) {
  const wrongArguments = error instanceof TypeError || error instanceof RangeError;
  if (wasClosed && error.code === 'ERR_PMEM_CLOSED') return;
  if (call.refused !== undefined && error.code === call.refused) return;
  if (error instanceof Problem) throw error;
  if (wrongArguments && (call.valid !== true || wasClosed)) return;
  throw new Problem(`${call.name}(${describe(call.args)}) failed with ${inspect(error)}`);
}

function judgeValue(value, call, wasClosed) {
  if (wasClosed) {
    if (!(call.afterClose ?? answersClosed)(value)) throw new Problem(`${call.name} after close answered ${inspect(value)}`);
    return;
  }
  if (call.valid === false) throw new Problem(`${call.name}(${describe(call.args)}) was accepted: ${inspect(value)}`);
  if (call.refused !== undefined) throw new Problem(`${call.name} should have been refused with ${call.refused}`);
  call.check(value);
}

function answersClosed(value) {
  const answers = Array.isArray(value) ? value : [value?.failure ?? value];
  return answers.every((answer) => answer?.errno === 9 || answer?.supported === false);
}
