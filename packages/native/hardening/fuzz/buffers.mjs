// Byte arrays of every kind that JavaScript has, each with bytes around it that nobody may touch.
import { Problem } from './problem.mjs';
import { UNTOUCHED } from './content.mjs';

const GUARD = 64;
const WASM_PAGE = 65536;

const kinds = {
  plain: 6,
  inside: 6,
  pooled: 2,
  shared: 3,
  fixedOverResizable: 3,
  trackingResizable: 3,
  trackingGrowable: 2,
  webAssembly: 1,
  inherited: 1,
};

class Inherited extends Uint8Array {
  // What JavaScript claims here must not count: the addon asks the engine.
  get length() {
    return 2 ** 40;
  }
  get byteLength() {
    return 2 ** 40;
  }
  get byteOffset() {
    return 2 ** 40;
  }
}

/**
 * `{ kind, array, spoil }`: `length` bytes of UNTOUCHED. `spoil(random)` takes the memory away, or makes it smaller or
 * larger, where the kind allows that; `touchedOutside()` says whether anything around the array was changed.
 */
export function makeBytes(random, length) {
  const kind = random.weighted(kinds);
  const made = makers[kind](length);
  if (made.array instanceof Uint8Array) Uint8Array.prototype.fill.call(made.array, UNTOUCHED);
  return { kind, spoil: () => undefined, touchedOutside: () => false, ...made };
}

/** What the engine knows of the array now. */
export function stateOf(array) {
  const { buffer } = rawView(array);
  const detached = buffer instanceof ArrayBuffer && isDetached(buffer);
  return { detached, length: detached ? 0 : rawView(array).length };
}

const getters = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(Uint8Array.prototype));

/** Past anything that a subclass says. */
function rawView(array) {
  return { buffer: getters.buffer.get.call(array), length: getters.length.get.call(array) };
}

function isDetached(buffer) {
  try {
    new Uint8Array(buffer, 0, 0);
    return false;
  } catch {
    return true;
  }
}

/** For good; a second time it changes nothing. */
export function detach(buffer) {
  if (!isDetached(buffer)) structuredClone(buffer, { transfer: [buffer] });
}

function within(buffer, length) {
  const all = new Uint8Array(buffer);
  all.fill(UNTOUCHED);
  const array = new Uint8Array(buffer, GUARD, length);
  return {
    array,
    touchedOutside: () => {
      if (stateOf(array).detached) return false;
      const now = new Uint8Array(buffer);
      return now.subarray(0, GUARD).some(changed) || now.subarray(GUARD + length).some(changed);
    },
  };
}

const changed = (byte) => byte !== UNTOUCHED;

function resize(buffer, random) {
  buffer.resize(random.pick([0, GUARD, random.below(buffer.byteLength + 1), buffer.maxByteLength]));
}

const makers = {
  plain: (length) => {
    const array = new Uint8Array(length);
    return {
      array,
      spoil: () => {
        detach(array.buffer);
      },
    };
  },
  inside: (length) => {
    const buffer = new ArrayBuffer(length + 2 * GUARD);
    return {
      ...within(buffer, length),
      spoil: () => {
        detach(buffer);
      },
    };
  },
  pooled: (length) => ({ array: Buffer.allocUnsafe(length) }),
  shared: (length) => within(new SharedArrayBuffer(length + 2 * GUARD), length),
  fixedOverResizable: (length) => {
    const buffer = new ArrayBuffer(length + 2 * GUARD, { maxByteLength: 2 * length + 2 * GUARD });
    return {
      ...within(buffer, length),
      touchedOutside: () => false,
      spoil: (random) => {
        resize(buffer, random);
      },
    };
  },
  trackingResizable: (length) => {
    const buffer = new ArrayBuffer(length + GUARD, { maxByteLength: 2 * length + 2 * GUARD });
    return {
      array: new Uint8Array(buffer, GUARD),
      spoil: (random) => {
        resize(buffer, random);
      },
    };
  },
  trackingGrowable: (length) => {
    const buffer = new SharedArrayBuffer(length + GUARD, { maxByteLength: 2 * length + 2 * GUARD });
    return {
      array: new Uint8Array(buffer, GUARD),
      spoil: (random) => {
        buffer.grow(random.between(buffer.byteLength, buffer.maxByteLength));
      },
    };
  },
  webAssembly: (length) => {
    const memory = new globalThis.WebAssembly.Memory({
      initial: Math.ceil((length + 2 * GUARD) / WASM_PAGE),
      maximum: 64,
    });
    return {
      ...within(memory.buffer, length),
      spoil: () => {
        memory.grow(1);
      },
    };
  },
  inherited: (length) => ({ array: new Inherited(length) }),
};

export function requireNothingOutside(what, bytes) {
  if (bytes.touchedOutside()) throw new Problem(`${what}: bytes around the array (${bytes.kind}) were changed`);
}
