/**
 * `npm run demo -- wal | pages | level | replicated`: an engine, poison in its files, and what it gives back. Default: wal.
 *
 * Options: `--seed N`, or SAFE_PMEM_SEED, repeats a run, `--truncate` damages real files by truncation although the
 * kernel could poison,
 * `--mock-only` leaves out what needs this machine. Exit code 0: in every act everything committed was returned with the
 * right bytes or reported lost.
 */
import { parseArgs } from 'node:util';
import type { Audit, Demo } from './demo.js';
import { Screen } from './screen.js';

const demos: Readonly<Record<string, () => Promise<Demo>>> = {
  wal: () => import('./wal.js'),
  pages: () => import('./pages.js'),
  level: () => import('./level.js'),
  replicated: () => import('./replicated.js'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    truncate: { type: 'boolean', default: false },
    'mock-only': { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? process.env.SAFE_PMEM_SEED ?? Date.now() % 1_000_000);
if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError('--seed must be a whole number');
const [name = 'wal', ...rest] = positionals;
const load = demos[name];
if (load === undefined || rest.length > 0) {
  throw new RangeError(`there is a demo for ${Object.keys(demos).join(', ')}; got ${positionals.join(' ')}`);
}

const screen = new Screen(process.stdout, process.env);
const startedAt = performance.now();
const demo = await load();
screen.say(`safe-pmem: ${demo.title} (seed ${seed})`, 'bold');
const audits = await demo.play(screen, { seed, mockOnly: values['mock-only'], truncate: values.truncate });
if (!report(audits)) process.exitCode = 1;
screen.line(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`, 'dim');

/** Shows the verification, one row an audit. Returns true if nothing breaks the invariant. */
function report(rows: readonly Audit[]): boolean {
  screen.heading('Verification: committed = returned intact + reported lost');
  screen.line(row('', 'committed', 'intact', 'lost', ''), 'bold');
  for (const { title, committed, intact, lost, problems, instead } of rows) {
    if (instead !== undefined) {
      screen.line(row(title, committed, 'died', 'unknown', problems.length === 0 ? instead : 'not shown'), 'dim');
      continue;
    }
    const isSound = problems.length === 0 && committed === intact + lost;
    screen.line(row(title, committed, intact, lost, isSound ? 'holds' : 'BROKEN'), isSound ? 'green' : 'red');
  }
  const problems = rows.flatMap((audit) => audit.problems.map((problem) => `${audit.title}: ${problem}`));
  for (const problem of problems.slice(0, 20)) screen.say(problem, 'red');
  const compared = rows.reduce((sum, audit) => sum + audit.bytes, 0);
  const sums = rows.every((audit) => audit.instead !== undefined || audit.committed === audit.intact + audit.lost);
  screen.say(`${(compared / 2 ** 20).toFixed(1)} MiB of payload compared byte by byte.`);
  return problems.length === 0 && sums;
}

function row(...cells: readonly (string | number)[]): string {
  const [title, ...numbers] = cells.map(String);
  return `${(title ?? '').padEnd(50)}${numbers.map((cell) => cell.padStart(9)).join('')}`.trimEnd();
}
