/** True if a suite only has to show that it runs: `npm run bench -- --short`. */
export const short = process.env.SAFE_PMEM_BENCH_SHORT === '1';
const SHORT_SHARE = 0.05;
const SHORT_ROUNDS = 3;

/** The part of each batch that is done: less than 1 in a short run, or if the processor is emulated. */
export const share = Number(process.env.SAFE_PMEM_BENCH_SHARE ?? (short ? SHORT_SHARE : 1));

/** So many rounds long is the one that is not counted: an emulated processor compiles as slowly as it runs. */
const warmUpRounds = Number(process.env.SAFE_PMEM_BENCH_WARM_UP_ROUNDS ?? 1);

/** How many of so many rounds are done. */
export function roundsOf(rounds) {
  return short ? Math.min(SHORT_ROUNDS, rounds) : rounds;
}

/**
 * Times variants of one thing against each other in one process: in turns, a batch each, so that whatever else the machine does
 * meets all of them. What is reported of a variant is the median of its batches, and the fastest.
 */
export function race(variants, { batch: wholeBatch, rounds: allRounds = 61 }) {
  const rounds = roundsOf(allRounds);
  const names = Object.keys(variants);
  const batch = Math.max(1, Math.round(wholeBatch * share));
  const times = new Map(names.map((name) => [name, []]));
  // Until the engine has compiled all of them, and what they share.
  for (let i = 0; i < 3; i++) for (const name of names) variants[name](batch);
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const start = process.hrtime.bigint();
      variants[name](batch);
      times.get(name).push(Number(process.hrtime.bigint() - start) / batch);
    }
  }
  return Object.fromEntries(names.map((name) => [name, summary(times.get(name))]));
}

/**
 * The same for variants that wait for something: `rounds` times in turn, each for as many times `operations` as take `roundMs`.
 * The first round is not counted, nor is what comes before the engine has compiled what the variants do.
 */
export async function raceAsync(variants, { operations: allOperations, rounds: allRounds = 5, roundMs = 0 }) {
  const rounds = roundsOf(allRounds);
  const names = Object.keys(variants);
  const operations = Math.max(1, Math.round(allOperations * share));
  const times = new Map(names.map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const name of names) {
      const leastMs = short ? 0 : round < 0 ? roundMs * warmUpRounds : roundMs;
      const start = process.hrtime.bigint();
      let done = 0;
      let elapsedNs;
      do {
        await variants[name](operations);
        done += operations;
        elapsedNs = Number(process.hrtime.bigint() - start);
      } while (elapsedNs < leastMs * 1e6);
      if (round >= 0) times.get(name).push(elapsedNs / done);
    }
  }
  return Object.fromEntries(names.map((name) => [name, summary(times.get(name))]));
}

function summary(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { medianNs: sorted[Math.floor(sorted.length / 2)], fastestNs: sorted[0] };
}
