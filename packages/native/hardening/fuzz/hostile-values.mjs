// Arguments that are wrong, or right only just.

/** What is a number of bytes to the addon: an integer from 0 to 2^53 - 1. Minus zero is zero. */
export function isBytes(value) {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

const numbers = [
  -1,
  -0,
  0.5,
  Number.NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53),
  2 ** 63,
  2 ** 64,
  1e308,
  5e-324,
  4096.5,
];
const strangers = [
  undefined,
  null,
  true,
  false,
  '',
  '0',
  '4096',
  0n,
  1n,
  2n ** 64n,
  Symbol('position'),
  () => 0,
  {},
  [],
  [0],
  new Number(0),
  { valueOf: () => 0 },
  { [Symbol.toPrimitive]: () => 0 },
  new Proxy({}, {}),
  new Date(0),
  Object.create(null),
];

/** No number of bytes, whichever way one looks at it, except that -0 is one. */
export function hostileNumber(random) {
  return random.chance(0.6) ? random.pick(numbers) : random.pick(strangers);
}

const notBytes = [
  () => undefined,
  () => null,
  () => 5,
  () => 'text',
  () => ({}),
  () => [1, 2],
  () => new ArrayBuffer(16),
  () => new SharedArrayBuffer(16),
  () => new Int8Array(16),
  () => new Uint8ClampedArray(16),
  () => new Uint16Array(8),
  () => new Float64Array(2),
  () => new BigUint64Array(2),
  () => new DataView(new ArrayBuffer(16)),
  () => ({ length: 16, buffer: {} }),
  () => new Proxy(new Uint8Array(16), {}),
  () => Object.create(Uint8Array.prototype),
  () => Object.create(new Uint8Array(16)),
  () => Symbol('bytes'),
  () => 16n,
  () => Uint8Array,
];

export function notAByteArray(random) {
  return random.pick(notBytes)();
}

/** Beyond what any mapping can hold, and on most filesystems beyond any file; still numbers of bytes. */
export function farAway(random) {
  return random.pick([2 ** 48, 2 ** 50, 2 ** 52, 2 ** 53 - 4096, 2 ** 53 - 2, 2 ** 53 - 1]);
}

export const hostilePaths = [
  '',
  'no/such/folder/file',
  '.',
  '..',
  '/',
  '/dev/null',
  '/dev/zero',
  '/proc/self/mem',
  '/proc/self/maps',
  'nul\0byte',
  '\0',
  'x'.repeat(300),
  'x/'.repeat(3000),
  '\ud800',
  'file/below',
  undefined,
  null,
  5,
  {},
  [],
  Symbol('path'),
  new URL('file:///tmp/x'),
];
