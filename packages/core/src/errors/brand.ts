/**
 * Marks by which copies of this package know each other's objects. A process may hold two: a CommonJS one beside an ES
 * module, or two versions. Both have the same registered symbols, so that `instanceof` answers alike, whichever copy an
 * object is of.
 */

/** Tells whether `value` has the mark, of this copy of the package or another. */
export function isBranded(value: unknown, brand: symbol): boolean {
  return typeof value === 'object' && value !== null && brand in value;
}

/** Marks all objects of a class. */
export function setBrand(prototype: object, brand: symbol): void {
  Object.defineProperty(prototype, brand, { value: true });
}
