/**
 * `npm run demo`: a log, poison, a process that dies of it and one that does not.
 *
 * Options: `--seed N` repeats a run, `--truncate` plays the last act by truncation although the kernel could poison,
 * `--mock-only` leaves the last act out. Exit code 0: every committed record was returned with the right bytes or
 * reported lost, in every act.
 */
import { parseArgs } from 'node:util';
import { playAlone, playMirrored } from './act-mock.js';
import { Screen } from './screen.js';
import type { Audit } from './workload.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    truncate: { type: 'boolean', default: false },
    'mock-only': { type: 'boolean', default: false },
  },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError('--seed must be a whole number');

const screen = new Screen(process.stdout, process.env);
const startedAt = performance.now();
screen.say(`safe-pmem: what poison does to a write-ahead log (seed ${seed})`, 'bold');

const audits = [...(await playMirrored(screen, seed)), ...(await playAlone(screen, seed))];
if (!values['mock-only']) audits.push(...(await playOnThisMachine()));
if (!report(audits)) process.exitCode = 1;
screen.line(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`, 'dim');

/** The native part is loaded here, so that a machine without the addon still sees the rest. */
async function playOnThisMachine(): Promise<Audit[]> {
  try {
    const { playNative } = await import('./act-native.js');
    return await playNative(screen, seed, values.truncate);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    screen.say(`This act did not come to its end: ${why}`, 'red');
    return [{ title: 'native', committed: 0, intact: 0, bytes: 0, lost: 0, losses: [], problems: [why] }];
  }
}

/** The verification: one row an audit. True where nothing breaks the invariant. */
function report(rows: readonly Audit[]): boolean {
  screen.heading('Verification: committed = returned intact + reported lost');
  screen.line(row('', 'committed', 'intact', 'lost', ''), 'bold');
  for (const { title, committed, intact, lost, problems } of rows) {
    if (title === 'naive reader') {
      screen.line(row(title, committed, 'died', 'unknown', problems.length === 0 ? 'SIGBUS' : 'not shown'), 'dim');
      continue;
    }
    const isSound = problems.length === 0 && committed === intact + lost;
    screen.line(row(title, committed, intact, lost, isSound ? 'holds' : 'BROKEN'), isSound ? 'green' : 'red');
  }
  const problems = rows.flatMap((audit) => audit.problems.map((problem) => `${audit.title}: ${problem}`));
  for (const problem of problems.slice(0, 20)) screen.say(problem, 'red');
  const compared = rows.reduce((sum, audit) => sum + audit.bytes, 0);
  const sums = rows.every((audit) => audit.title === 'naive reader' || audit.committed === audit.intact + audit.lost);
  screen.say(`${(compared / 2 ** 20).toFixed(1)} MiB of payload compared byte by byte.`);
  return problems.length === 0 && sums;
}

function row(...cells: readonly (string | number)[]): string {
  const [title, ...numbers] = cells.map(String);
  return `${(title ?? '').padEnd(50)}${numbers.map((cell) => cell.padStart(9)).join('')}`.trimEnd();
}
