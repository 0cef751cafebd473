/** `node dist/fuzz/check-corpus.js FILE…`: the sequences of kept corpora that the mock does not follow, shortest first. */
import { readFileSync } from 'node:fs';
import { linesOf } from './find-disagreement.js';
import { checkCorpus } from './corpus.js';

const shown = 3;

for (const file of process.argv.slice(2)) {
  const { subject, sequences, found } = await checkCorpus(readFileSync(file, 'utf8'));
  const shortest = [...found].sort((a, b) => a.first.step - b.first.step).slice(0, shown);
  process.stdout.write(`${subject.kernel} ${subject.filesystem} ${subject.device}: ${found.length} of ${sequences} sequences differ\n`);
  for (const each of shortest) process.stdout.write(`${linesOf(each).join('\n')}\n\n`);
  if (found.length > 0) process.exitCode = 1;
}
