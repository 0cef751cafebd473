// Every call that an open file answers, with arguments that are right, wrong, or right only just; and for each, what it
// may answer. `valid`: true (it must not be refused), false (it must be refused), undefined (either). `loose`: it is not
// known to refuse anything, because whoever calls it has checked what he gives.
import { makeBytes, requireNothingOutside, stateOf } from './buffers.mjs';
import {
  CHANGED_LATER,
  journalBytes,
  MOST,
  PAGE,
  requireRight,
  requireRightOrUntouched,
  requireUntouched,
  rightBytes,
  SPAN,
  UNTOUCHED,
} from './content.mjs';
import { farAway, hostileNumber, isBytes, notAByteArray } from './hostile-values.mjs';
import {
  detachCall,
  memoryWindowCall,
  persistRangesCall,
  takeFaultCall,
  viewCall,
  windowCall,
} from './memory-calls.mjs';
import { Problem } from './problem.mjs';
import * as shapes from './shapes.mjs';

const FILL = Uint8Array.prototype.fill;
const SET = Uint8Array.prototype.set;

/** Mostly inside [0, limit], often at an edge, sometimes wrong. */
function position(random, limit) {
  const kind = random.weighted({ inside: 12, edge: 4, aligned: 4, hostile: 2, far: 1 });
  if (kind === 'inside') return random.below(limit + 1);
  if (kind === 'aligned') return Math.floor(random.below(limit + 1) / PAGE) * PAGE;
  if (kind === 'edge')
    return Math.max(0, random.pick([0, 1, PAGE - 1, PAGE, limit - PAGE, limit - 1, limit, limit + 1]));
  return kind === 'far' ? farAway(random) : hostileNumber(random);
}

function length(random, limit = MOST) {
  const kind = random.weighted({ small: 6, page: 4, large: 2, empty: 1, hostile: 1, far: 1 });
  if (kind === 'small') return random.below(Math.min(300, limit));
  if (kind === 'page') return PAGE * random.between(1, 4);
  if (kind === 'large') return random.below(limit);
  return kind === 'empty' ? 0 : kind === 'far' ? farAway(random) : hostileNumber(random);
}

const transferLength = (random) =>
  random.pick([0, 1, 7, 64, 65, random.below(PAGE), PAGE, 3 * PAGE, random.below(MOST)]);

/** A range of a size that a filesystem may really allocate, or one that it must refuse without having tried. */
function allocatableRange(random, farAllocates) {
  if (farAllocates && random.chance(0.1)) return [farAway(random), random.pick([1, PAGE, farAway(random)])];
  if (random.chance(0.15)) return [hostileNumber(random), random.below(PAGE)];
  return [random.below(SPAN), random.chance(0.1) ? hostileNumber(random) : random.below(MOST)];
}

const inside = (at, long, mapped) => isBytes(at) && isBytes(long) && long <= mapped && at <= mapped - long;

/** The array that a call gets: with `content`, the bytes that belong at that position of a file, spoilt before if at all. */
function bytesFor(random, long, content) {
  if (random.chance(0.05)) return { array: notAByteArray(random), valid: false, long: 0, bytes: undefined };
  const bytes = makeBytes(random, long);
  if (content !== undefined) SET.call(bytes.array, content);
  if (random.chance(0.08)) bytes.spoil(random);
  const { detached, length: now } = stateOf(bytes.array);
  // What has become longer has bytes of its own.
  if (!detached && now > long) FILL.call(bytes.array, content === undefined ? UNTOUCHED : 0);
  return { array: bytes.array, valid: !detached, long: now, bytes };
}

/** The driver takes what JavaScript takes for a number: whoever calls it has checked that, and the range is checked. */
const isLoose = (at, raw) => !raw && typeof at !== 'number';

function read(random, { mapped, raw }) {
  const { array, valid, long, bytes } = bytesFor(random, transferLength(random));
  const at = position(random, mapped);
  if (isLoose(at, raw)) return { name: 'read', args: [array, at], loose: true, check: () => undefined };
  const check = (fault) => {
    shapes.nothingOrFault('read', at, long)(fault);
    if (fault === undefined) requireRight('read', plainView(array, long), at);
    else requireRightOrUntouched('read', plainView(array, long), at);
    requireNothingOutside('read', bytes);
  };
  return { name: 'read', args: [array, at], valid: valid && inside(at, long, mapped), check };
}

/** The bytes as an array that no subclass lies about. */
function plainView(array, long) {
  const prototype = Object.getPrototypeOf(Uint8Array.prototype);
  const offset = Object.getOwnPropertyDescriptor(prototype, 'byteOffset').get.call(array);
  return new Uint8Array(Object.getOwnPropertyDescriptor(prototype, 'buffer').get.call(array), offset, long);
}

function overwrite(array) {
  // Detached, or cut out of its buffer: then fill() throws, whatever the length.
  if (stateOf(array).length > 0) FILL.call(array, CHANGED_LATER);
}

function contentAt(at, long) {
  return isBytes(at) && at < SPAN + MOST ? rightBytes(at, long) : new Uint8Array(long);
}

const storing = (name, shape) => (random, { mapped, readOnly, raw }) => {
  const at = position(random, mapped);
  const wanted = transferLength(random);
  const { array, valid, long } = bytesFor(random, wanted, contentAt(at, wanted));
  const refused = readOnly && long > 0 ? 'ERR_PMEM_READ_ONLY' : undefined;
  if (isLoose(at, raw)) return { name, args: [array, at], loose: true, check: () => undefined };
  const check = shape(name, at, long);
  return { name, args: [array, at], valid: valid && inside(at, long, mapped), check, refused };
};

function pread(random) {
  const { array, valid, long, bytes } = bytesFor(random, transferLength(random));
  const at = position(random, SPAN);
  const meanwhile =
    bytes !== undefined && random.chance(0.2)
      ? () => {
          bytes.spoil(random);
        }
      : undefined;
  const check = (value) => {
    shapes.transfer('pread', long)(value);
    const now = stateOf(array);
    if (now.detached) throw new Problem('pread answered although its array had been detached');
    if (now.length < value.transferredBytes) throw new Problem('pread answered with more bytes than its array has');
    const { transferredBytes: got } = value;
    requireRight('pread', plainView(array, got), at);
    if (meanwhile === undefined) requireUntouched('pread', plainView(array, long).subarray(got));
    requireNothingOutside('pread', bytes);
  };
  // The array may be gone, or too small, when the bytes arrive.
  const settles = valid && isBytes(at);
  return {
    name: 'pread',
    args: [array, at],
    valid: settles && meanwhile !== undefined ? undefined : settles,
    check,
    meanwhile,
  };
}

function pwrite(random) {
  const at = position(random, SPAN);
  const wanted = transferLength(random);
  const { array, valid, long, bytes } = bytesFor(random, wanted, contentAt(at, wanted));
  // The call has its copy: what happens to the array from now on must not reach the file.
  const meanwhile =
    bytes === undefined
      ? undefined
      : () => {
          overwrite(array);
          if (random.chance(0.3)) bytes.spoil(random);
        };
  return {
    name: 'pwrite',
    args: [array, at],
    valid: valid && isBytes(at),
    check: shapes.transfer('pwrite', long),
    meanwhile,
  };
}

function rewrite(random, { farAllocates, raw }) {
  // Which of a piece's five numbers is a hostile one, if any.
  const hostile = random.chance(0.08) ? random.below(5) : undefined;
  let from = 0;
  const places = Array.from({ length: random.between(1, 4) }, () => {
    const writes = random.pick([0, 1, 100, PAGE, random.below(MOST / 8)]);
    const place = [position(random, SPAN), from, writes];
    from += writes;
    return place;
  });
  if (hostile === 2) random.pick(places)[0] = hostileNumber(random);
  const content = Buffer.concat(places.map(([at, , writes]) => contentAt(at, writes)));
  // What is sent from another place than its own has to be right in any: zeros are.
  if (hostile > 2) content.fill(0);
  const { array, valid, long, bytes } = bytesFor(random, content.length, content);
  if (random.chance(0.3)) {
    // The end of one once more: its bytes are sent once.
    const [at, begin, writes] = random.pick(places);
    const less = random.below(writes + 1);
    if (isBytes(at)) places.unshift([at + less, begin + less, writes - less]);
  }
  const pieces = places.map((place) => [...(random.chance(0.5) ? allocatableRange(random, farAllocates) : [0, 0]), ...place]);
  if (hostile !== undefined && hostile !== 2) random.pick(pieces)[hostile] = hostileNumber(random);
  if (random.chance(0.05)) random.pick(pieces)[random.pick([3, 4])] = long + 1;
  const meanwhile =
    bytes === undefined
      ? undefined
      : () => {
          overwrite(array);
        };
  const asked = pieces.map(([offset, resets, at, from, writes]) => {
    const reset = resets === 0 ? undefined : { offset, length: resets };
    return { reset, position: at, sourceOffset: from, length: writes };
  });
  // Of what is not reset, the driver passes no place on.
  const numbers = pieces.flatMap(([offset, resets, at, from, writes]) => [resets === 0 && !raw ? 0 : offset, resets, at, from, writes]);
  const areThere = pieces.every(([, , , from, writes]) => asNumber(from) + asNumber(writes) <= long);
  const check = (value) => {
    const shaped = raw ? value instanceof Float64Array && value.length === 3 * pieces.length : value.length === pieces.length;
    if (!shaped) throw new Problem('rewrite answered with something else');
    if (!raw) for (const { syscall, ...one } of value) shapes.transfer(`rewrite (${syscall})`, MOST)(one);
  };
  const answer = { name: 'rewrite', args: [raw ? Float64Array.from(numbers, asNumber) : asked, array], check, meanwhile };
  const isNumeric = numbers.every((number) => typeof number === 'number');
  return isNumeric ? { ...answer, valid: valid && numbers.every(isBytes) && areThere } : { ...answer, loose: true };
}

/** What no typed array takes, as what it makes of other things that are no numbers. */
function asNumber(value) {
  return typeof value === 'number' ? value : Number.NaN;
}

/** What a file has become by a write far away takes hours to read. */
function scrub(random) {
  const at = position(random, SPAN);
  const wanted = length(random);
  const long = isBytes(wanted) ? Math.min(wanted, MOST) : wanted;
  return { name: 'scrub', args: [at, long], valid: bothNumbers(at, long), check: shapes.transfer('scrub', long) };
}

function ranged(name, shape, validity) {
  return (random, file) => {
    const at = position(random, file.mapped);
    const long = random.chance(0.5) && isBytes(at) ? random.below(Math.max(1, file.mapped - at + 2)) : length(random);
    return { name, args: [at, long], valid: validity(at, long, file.mapped), check: shape(name, at, long) };
  };
}

const bothNumbers = (at, long) => isBytes(at) && isBytes(long);

function remap(random, { mapped }) {
  const pages = Math.ceil(mapped / PAGE);
  const at = random.chance(0.8) ? PAGE * random.below(pages + 1) : position(random, mapped);
  const long = random.chance(0.8) ? PAGE * random.below(pages + 1) : length(random);
  const valid = isBytes(at) && isBytes(long) && at % PAGE === 0 && long % PAGE === 0 && inside(at, long, pages * PAGE);
  return { name: 'remap', args: [at, long], valid, check: shapes.nothingOrFailure('remap') };
}

function zeroRange(random, { farAllocates }) {
  const [at, long] = allocatableRange(random, farAllocates);
  return {
    name: 'zeroRange',
    args: [at, long],
    valid: bothNumbers(at, long),
    check: shapes.nothingOrFailure('zeroRange'),
  };
}

function newSize(random) {
  return random.chance(0.12) ? hostileNumber(random) : random.chance(0.06) ? farAway(random) : random.below(SPAN + 1);
}

function truncate(random) {
  const to = newSize(random);
  return { name: 'truncate', args: [to], valid: isBytes(to), check: shapes.nothingOrFailure('truncate') };
}

function resize(random, { farAllocates }) {
  const to = newSize(random);
  const preallocate = random.chance(0.1) ? random.pick([undefined, null, 0, 1, 'true', {}]) : random.chance(0.4);
  // A filesystem must not try to allocate what it cannot hold.
  const allowed = preallocate !== true || !isBytes(to) || to <= SPAN || farAllocates;
  const valid = isBytes(to) && typeof preallocate === 'boolean';
  return { name: 'resize', args: [allowed ? to : PAGE, preallocate], valid, check: shapes.nothingOrFailure('resize') };
}

function lockCall(name) {
  return ranged(name, shapes.nothingOrFailure, (at, long) => bothNumbers(at, long) && long !== 0);
}

/** All files of a scene share one journal: whoever reads it finds one that was written, whole. */
const PLACE = 'fuzz.repair';

/** A name that is right, or what is none. */
function nameFor(random, right) {
  const name = random.chance(0.1) ? random.pick([undefined, null, 5, {}, 'with a\0 byte', Symbol('name')]) : right;
  return { name, valid: name === right };
}

function readsJournal(name) {
  return (random) => {
    const place = nameFor(random, PLACE);
    const limit = random.chance(0.2) ? hostileNumber(random) : random.pick([0, 1, 100, 70_000, farAway(random)]);
    return { name, args: [place.name, limit], valid: place.valid && isBytes(limit), check: shapes.journal(name, limit) };
  };
}

function removesJournal(name) {
  return (random) => {
    const place = nameFor(random, PLACE);
    return { name, args: [place.name], valid: place.valid, check: shapes.nothingOrFailure(name) };
  };
}

function writesJournal(name) {
  return (random) => {
    const content = journalBytes(random.pick([1, 2, 100, PAGE, random.between(1, 65_536)]));
    const { array, valid, long, bytes } = bytesFor(random, content.length, content);
    // Of another length it would be another journal.
    if (valid && long !== 0 && long !== content.length) return writesJournal(name)(random);
    const [place, temporary] = [nameFor(random, PLACE), nameFor(random, '.fuzz.tmp')];
    const isNew = random.chance(0.1) ? random.pick([undefined, 1, 'true']) : random.chance(0.3);
    const meanwhile =
      bytes === undefined || name === 'writeJournalSync'
        ? undefined
        : () => {
            overwrite(array);
          };
    return {
      name,
      args: [place.name, array, Buffer.from('a mark'), temporary.name, isNew],
      valid: valid && place.valid && temporary.valid && typeof isNew === 'boolean',
      check: shapes.nothingOrFailure(name),
      meanwhile,
    };
  };
}

function writesMark(name) {
  return (random) => {
    const { array, valid } = bytesFor(random, random.pick([0, 1, 60, 1000, 70_000]), undefined);
    return { name, args: [array], valid, check: shapes.nothingOrFailure(name) };
  };
}

/** Positions and lengths in turn, now and then hostile ones, into bytes that are enough or not. */
function readEach(random) {
  const pairs = [];
  let total = 0;
  for (let i = random.below(5); i > 0; i--) {
    const long = random.below(2 * PAGE);
    pairs.push(random.chance(0.05) ? hostileNumber(random) : random.below(SPAN), long);
    total += long;
  }
  const numbers = new Float64Array(pairs.map((value) => (typeof value === 'number' ? value : Number.NaN)));
  const { array, valid, long } = bytesFor(random, random.chance(0.1) ? random.below(total + 1) : total);
  const isRight = numbers.every(isBytes) && long >= total;
  return { name: 'readEach', args: [numbers, array], valid: valid && isRight, check: shapes.transfers(numbers) };
}

const plain = (name, shape) => () => ({ name, args: [], valid: true, check: shape(name) });

/** Functions of the addon's handle that are not in the list, and why. */
export const leftOut = {
  mappedBytes: 'the actor asks it all the time',
  faultCounter: 'no arguments, and what it answers with has no content that anybody knows',
};

/** What can be asked of a file, and how often it is. `asynchronous` answers with a promise. */
export const calls = {
  read: { weight: 14, make: read },
  write: { weight: 10, make: storing('write', shapes.nothingOrFault) },
  writeAndPersist: { weight: 4, make: storing('writeAndPersist', shapes.persisted) },
  persist: { weight: 4, make: ranged('persist', shapes.persisted, inside) },
  persistRanges: { weight: 3, make: persistRangesCall(hostileNumber) },
  window: { weight: 3, rawOnly: true, make: windowCall(hostileNumber) },
  memoryWindow: { weight: 4, driverOnly: true, make: memoryWindowCall(hostileNumber) },
  view: { weight: 4, make: viewCall(hostileNumber) },
  takeFault: { weight: 3, make: takeFaultCall },
  detach: { weight: 2, rawOnly: true, make: detachCall(notAByteArray) },
  probe: { weight: 3, make: ranged('probe', shapes.probe, bothNumbers) },
  remap: { weight: 3, make: remap },
  lock: { weight: 2, make: lockCall('lock') },
  unlock: { weight: 2, make: lockCall('unlock') },
  readJournalSync: { weight: 1, rawOnly: true, make: readsJournal('readJournalSync') },
  writeJournalSync: { weight: 1, rawOnly: true, make: writesJournal('writeJournalSync') },
  removeJournalSync: { weight: 1, rawOnly: true, make: removesJournal('removeJournalSync') },
  readMark: { weight: 1, make: plain('readMark', shapes.mark) },
  writeMarkSync: { weight: 1, make: writesMark('writeMarkSync') },
  names: { weight: 1, make: plain('names', shapes.names) },
  readEach: { weight: 3, asynchronous: true, rawOnly: true, make: readEach },
  writeMark: { weight: 1, asynchronous: true, make: writesMark('writeMark') },
  pread: { weight: 9, asynchronous: true, make: pread },
  pwrite: { weight: 8, asynchronous: true, make: pwrite },
  scrub: { weight: 3, asynchronous: true, make: scrub },
  rewrite: { weight: 4, asynchronous: true, make: rewrite },
  persistAsync: { weight: 4, asynchronous: true, make: ranged('persistAsync', shapes.persisted, inside) },
  sync: { weight: 1, asynchronous: true, make: plain('sync', shapes.nothingOrFailure) },
  zeroRange: { weight: 3, asynchronous: true, make: zeroRange },
  truncate: { weight: 3, asynchronous: true, make: truncate },
  tryZeroRange: { weight: 1, asynchronous: true, make: plain('tryZeroRange', shapes.trial) },
  fileSizeSync: { weight: 2, make: plain('fileSizeSync', shapes.size) },
  fileSize: { weight: 2, asynchronous: true, make: plain('fileSize', shapes.size) },
  extents: { weight: 2, asynchronous: true, make: ranged('extents', shapes.extents, bothNumbers) },
  badBlocks: { weight: 1, asynchronous: true, driverOnly: true, make: plain('badBlocks', shapes.badBlocks) },
  readJournal: { weight: 1, asynchronous: true, rawOnly: true, make: readsJournal('readJournal') },
  writeJournal: { weight: 1, asynchronous: true, rawOnly: true, make: writesJournal('writeJournal') },
  removeJournal: { weight: 1, asynchronous: true, rawOnly: true, make: removesJournal('removeJournal') },
  avoidHugePages: { weight: 1, make: plain('avoidHugePages', shapes.nothingOrFailure) },
  resize: { weight: 4, asynchronous: true, make: resize },
  close: { weight: 1, asynchronous: true, make: plain('close', shapes.nothingOrFailure) },
};
