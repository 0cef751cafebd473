// The calls that hand mapped memory to JavaScript, which then loads and stores without asking anybody: windows, views, and
// the faults that come of it. Some of it is held for longer than its file, and looked at again and again.
import { CHANGED_LATER, PAGE, requireRight } from './content.mjs';
import { isBytes } from './hostile-values.mjs';
import { Problem } from './problem.mjs';
import * as shapes from './shapes.mjs';

const HELD_MOST = 6;
const LOOK_BYTES = 200;

/** `{ array, start, changed }` of this thread. */
const held = [];

/** Nothing of this thread keeps a mapping any longer. */
export function letGo() {
  held.length = 0;
}

/** Whatever has become of the file: at each place the byte that belongs there, or zero, or what was stored in a view. */
function look(random, { array, start, changed }) {
  if (array.length === 0) return;
  const from = random.below(array.length);
  const bytes = Uint8Array.from(array.subarray(from, from + LOOK_BYTES));
  if (changed) for (const [i, byte] of bytes.entries()) if (byte === CHANGED_LATER) bytes[i] = 0;
  requireRight('memory', bytes, start + from);
}

function hold(random, memory) {
  look(random, memory);
  if (held.length >= HELD_MOST) held.splice(random.below(HELD_MOST), 1);
  held.push(memory);
  look(random, random.pick(held));
}

const inside = (at, long, mapped) => isBytes(at) && isBytes(long) && long <= mapped && at <= mapped - long;

function range(random, mapped, hostileNumber) {
  if (random.chance(0.1)) return [hostileNumber(random), random.below(PAGE)];
  if (random.chance(0.1)) return [random.below(mapped + 2), hostileNumber(random)];
  const at = random.below(mapped + 1);
  return [at, random.below(mapped - at + 2)];
}

/** An ArrayBuffer over the mapping. */
export const windowCall = (hostileNumber) => (random, { mapped }) => {
  const [at, long] = range(random, mapped, hostileNumber);
  const check = (buffer) => {
    // Of no bytes it may be one that the engine counts as detached.
    if (buffer === undefined || long === 0) return;
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== long) throw new Problem('window answered with something else');
    hold(random, { array: new Uint8Array(buffer), start: at, changed: false });
  };
  return { name: 'window', args: [at, long], valid: inside(at, long, mapped), check };
};

/** What the driver makes of windows: none for a range that it cannot serve, whatever is wrong with it. */
export const memoryWindowCall = (hostileNumber) => (random, { mapped, handle }) => {
  const [at, long] = range(random, mapped, hostileNumber);
  const check = (found) => {
    if (found === undefined || !isBytes(at) || !isBytes(long)) return;
    if (!inside(at, long, mapped)) throw new Problem(`there is a window for ${at}, ${long}`);
    const { data, start } = found;
    if (start > at || start + data.byteLength < at + long) throw new Problem('the window does not hold the range');
    const offset = data.byteOffset + at - start;
    look(random, { array: new Uint8Array(data.buffer, offset, long), start: at, changed: false });
    // As every load has to: or the next access would be told of this one's fault.
    requireFault(handle.takeFault(), at, long);
  };
  return { name: 'memoryWindow', args: [at, long], loose: true, check, afterClose: (value) => value === undefined };
};

/** Through the driver it is an object with a release(); the addon's own has buffers. */
export const viewCall = (hostileNumber) => (random, { mapped }) => {
  const [at, long] = range(random, mapped, hostileNumber);
  const check = (answer) => {
    if (shapes.isFailure(answer.failure)) return;
    const array = answer.view === undefined ? rawView(answer, at, long) : answer.view.bytes;
    if (array === undefined) return;
    if (array.length !== long) throw new Problem(`a view of ${long} bytes has ${array.length}`);
    const changed = random.chance(0.3);
    if (changed) array.fill(CHANGED_LATER);
    hold(random, { array, start: at, changed });
    requireFaults((answer.view ?? answer).faults());
    if (answer.view === undefined || !random.chance(0.4)) return;
    answer.view.release();
    if (array.length !== 0) throw new Problem('a view that was released has bytes');
  };
  return { name: 'view', args: [at, long], valid: inside(at, long, mapped) && long > 0, check };
};

function rawView({ position, buffer }, at, long) {
  return buffer === undefined ? undefined : new Uint8Array(buffer, at - position, long);
}

function requireFaults(faults) {
  const isRight = ({ position, length, signalCode }) =>
    position % PAGE === 0 && length > 0 && length % PAGE === 0 && [2, 4, 5].includes(signalCode);
  if (faults !== undefined && !(Array.isArray(faults) && faults.every(isRight))) throw new Problem('faults() answered with something else');
}

function requireFault(fault, at, long) {
  if (fault !== undefined && !shapes.isFault(fault, at, long)) throw new Problem('takeFault answered with something else');
}

export function takeFaultCall() {
  const check = (fault) => {
    requireFault(fault, 0, Infinity);
  };
  return { name: 'takeFault', args: [], valid: true, check, afterClose: (value) => value === undefined };
}

/** Of a window or of something else; detached twice as well, and after close. */
export const detachCall = (notAByteArray) => (random) => {
  const own = held.length > 0 && random.chance(0.7) ? random.pick(held).array.buffer : undefined;
  const check = () => {
    if (own?.byteLength !== 0 && own !== undefined) throw new Problem('a buffer that was detached has bytes');
  };
  return { name: 'detach', args: [own ?? notAByteArray(random)], valid: undefined, check, afterClose: () => true };
};

/** The addon cuts it off. */
const isFraction = (value) => Number.isFinite(value) && !Number.isInteger(value);

/** Ranges as the driver takes them, or the pairs of numbers that the addon takes. */
export const persistRangesCall = (hostileNumber) => (random, { mapped, raw }) => {
  const ranges = Array.from({ length: random.below(5) }, () => range(random, mapped, hostileNumber));
  const isNumeric = ranges.flat().every((value) => typeof value === 'number' && !isFraction(value));
  const valid = ranges.every(([at, long]) => inside(at, long, mapped));
  const check = shapes.persisted('persistRanges');
  if (!raw) {
    const asked = ranges.map(([offset, length]) => ({ offset, length }));
    return { name: 'persistRanges', args: [asked], ...(isNumeric ? { valid } : { loose: true }), check };
  }
  const pairs = isNumeric ? Float64Array.from(ranges.flat()) : ranges.flat();
  return { name: 'persistRanges', args: [pairs], valid: isNumeric && valid, check };
};
