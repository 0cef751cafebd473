/**
 * Random runs whose seed SAFE_PMEM_SEED does not set: the gate sets it, and so tries the same of every commit.
 * Benchmarks are free to choose: their times are no verdict.
 */
const IS_CODE = /\.(?:ts|mts|cts|mjs|cjs|js)$/;
const FREE = /^(?:bench|scripts\/tidy)\//;
const BY_CHANCE = /Date\.now\(\) %|Math\.random\(/;

export function freeSeeds(texts) {
  return [...texts].flatMap(([name, text]) => {
    if (!IS_CODE.test(name) || FREE.test(name)) return [];
    return text
      .split('\n')
      .map((line, index) => ({ line, at: `${name}:${index + 1}` }))
      .filter(({ line }) => BY_CHANCE.test(line) && !line.includes('SAFE_PMEM_SEED'))
      .map(({ at }) => `${at}: SAFE_PMEM_SEED does not set this seed`);
  });
}
