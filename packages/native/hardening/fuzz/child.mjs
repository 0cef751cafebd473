// One process of the fuzzer: cases from a number on, until it is told to stop. Arguments: JSON.
// Every line on stdout is one case: { begins } when it begins, { done, scene } when nothing was wrong with it.
import { truncateSync } from 'node:fs';
import { openLog } from './log.mjs';
import { Random, seedOfCase } from './random.mjs';
import { playCase, poisonedPages } from './scenes.mjs';

const { seed, first, count, bases, logFile } = JSON.parse(process.argv[2]);
const write = openLog(logFile);
const say = (line) => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

for (let index = first; index < first + count; index++) {
  truncateSync(logFile);
  say({ begins: index });
  try {
    const scene = await playCase(new Random(seedOfCase(seed, index)), { bases, log: write, logFile });
    say({ done: index, scene, poisonedPages });
  } catch (error) {
    write(error.stack ?? String(error));
    process.exit(1);
  }
}
