import fc from 'fast-check';

/**
 * fc.assert with a seed that SAFE_PMEM_SEED fixes; fast-check prints the seed and the shrunk input of a failure.
 */
export function assertProperty<T>(property: fc.IProperty<T>, runs = 500): void {
  const seed = process.env.SAFE_PMEM_SEED;
  fc.assert(property, { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) });
}
