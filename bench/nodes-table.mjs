/** The same suites on several versions of Node.js: runs them, and makes one table with a column for each version. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { shown } from './shown.mjs';

const root = path.join(import.meta.dirname, '..');

/** Runs `suites` on another Node.js, and returns what `npm run bench` has measured there. */
export function onNode(major, { suites, trials, short, beside }) {
  const json = beside.replace(/(?:\.json)?$/, `-node${major}.json`);
  const program = [path.join(import.meta.dirname, 'run.mjs'), ...suites, '--trials', String(trials), '--json', json];
  console.log('');
  if (short) program.push('--short');
  const done = spawnSync(path.join(root, 'scripts', 'on-node.sh'), [major, 'node', ...program], { stdio: 'inherit' });
  if (done.status !== 0) throw new Error(`the suites failed on Node.js ${major}`);
  return JSON.parse(readFileSync(json, 'utf8'));
}

/** A line for each thing that was measured, a column for each version: ours, and the ratio to what every one has. */
export function nodesTable(runs) {
  const [{ machine, trials, results }] = runs;
  const lines = results.map(({ suite, title, times }) => {
    const cells = runs.map((run) => cellOf(run.results.find((row) => row.suite === suite && row.title === title)));
    return `| ${suite}: ${title}, ${Object.keys(times)[0]} | ${cells.join(' | ')} |`;
  });
  const loads = runs.map((run) => run.machine.loadAverage.toFixed(1)).join(', ');
  const of = trials === 1 ? 'one trial' : `medians of ${trials} trials`;
  return [
    `${machine.cpu}, ${machine.kernel}, ${machine.filesystem}, ${of}, loads ${loads}.`,
    '',
    `| | ${runs.map((run) => `Node ${run.machine.node.slice(1)}`).join(' | ')} |`,
    `|---|${'---|'.repeat(runs.length)}`,
    ...lines,
  ].join('\n');
}

function cellOf(row) {
  if (row === undefined) return '';
  const merged = Object.entries(row.times).map(([name, ns]) => ({ name, ns }));
  const [{ value, ratio }] = shown({ unit: row.unit, baseline: row.across ?? row.baseline }, merged);
  return ratio === '' ? value : `${value} (${ratio})`;
}
