/**
 * `npm run bench [-- SUITE…] [--trials N] [--json FILE] [--short] [--page] [--node MAJOR]…`: every suite in a process of
 * its own, several times over; medians of the trials on the screen, as JSON, and beside it as tables for
 * docs/internals/performance.md. Numbers of different runs cannot be compared, ratios within one run can.
 *
 * `--short` proves that every suite runs, in about a minute: one trial of a twentieth of the operations, whose numbers
 * say little. `--node` runs the same on that Node.js as well, from the npm registry, and makes one table of all.
 * `--page` puts the latencies and that table into the page.
 */
import { fork, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { latencyTable } from './latency-table.mjs';
import { nodesTable, onNode } from './nodes-table.mjs';
import { putInPage } from './page.mjs';
import { shown } from './shown.mjs';

const here = import.meta.dirname;
const known = readdirSync(path.join(here, 'suites')).map((name) => path.basename(name, '.mjs'));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    trials: { type: 'string' },
    json: { type: 'string', default: path.join(here, 'build', 'results.json') },
    short: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    node: { type: 'string', multiple: true, default: [] },
  },
});
const unknown = positionals.filter((name) => !known.includes(name));
const trials = Number(values.trials ?? (values.short ? 1 : 3));
const wrongNode = values.node.some((major) => !/^\d+$/.test(major));
if (unknown.length > 0 || wrongNode || !Number.isSafeInteger(trials) || trials < 1) {
  console.error(`usage: npm run bench -- [--trials N] [--json FILE] [--short] [--page] [--node MAJOR]… [${known.join(' | ')}]…`);
  process.exit(2);
}

const withLatency = positionals.length === 0 || positionals.includes('latency');
if (values.page && !withLatency && values.node.length === 0) {
  console.error('--page writes the latencies and the table of --node: name the suite latency, or a --node');
  process.exit(2);
}

if (values.short) process.env.SAFE_PMEM_BENCH_SHORT = '1';

// npm writes this file last: an installation that was cut off does not have it.
if (!existsSync(path.join(here, 'node_modules', '.package-lock.json'))) {
  console.log('installing what is compared with (better-sqlite3 is compiled: about a minute)');
  // One of two versions of better-sqlite3 is for newer versions of Node.js than this one may be.
  const args = ['ci', '--engine-strict=false', '--no-audit', '--no-fund', '--loglevel=error'];
  const installed = spawnSync('npm', args, { cwd: here, stdio: 'inherit' });
  if (installed.status !== 0) process.exit(1);
}

const machine = {
  node: process.version,
  cpu: `${os.cpus().length} x ${os.cpus()[0]?.model ?? 'unknown'}`,
  kernel: `${os.type()} ${os.release()}`,
  filesystem: spawnSync('stat', ['-f', '-c', '%T', process.env.SAFE_PMEM_BENCH_DIRECTORY ?? here], { encoding: 'utf8' }).stdout.trim(),
  loadAverage: os.loadavg()[0],
};
console.log(`${machine.cpu}, ${machine.kernel}, ${machine.filesystem}, Node ${machine.node}, load ${machine.loadAverage.toFixed(1)}`);

const results = [];
for (const suite of positionals.length > 0 ? positionals : known) {
  console.log(`\n${suite}: ${/\/\*\*\s*(?<what>[^*]*?)\s*\*\//s.exec(readFileSync(path.join(here, 'suites', `${suite}.mjs`), 'utf8'))?.groups?.what ?? ''}`);
  const runs = [];
  for (let trial = 0; trial < trials; trial++) {
    process.stderr.write(`  trial ${trial + 1} of ${trials}\r`);
    runs.push(await trialOf(suite));
  }
  for (const reason of new Set(runs.flatMap((run) => run.absent))) console.log(`  not taking part: ${reason}`);
  const [first] = runs;
  for (const [index, row] of first.rows.entries()) {
    const merged = Object.keys(row.times).map((name) => ({ name, ns: median(runs.map((run) => run.rows[index].times[name].medianNs)) }));
    const { title, unit, baseline, across } = row;
    results.push({ suite, title, unit, baseline, across, times: Object.fromEntries(merged.map(({ name, ns }) => [name, ns])) });
    print(row, merged);
  }
}
mkdirSync(path.dirname(values.json), { recursive: true });
writeFileSync(values.json, `${JSON.stringify({ machine, trials, results }, undefined, 2)}\n`);
const tables = values.json.replace(/(?:\.json)?$/, '.md');
writeFileSync(tables, markdown(machine, trials, results));
const page = path.join(here, '..', 'docs', 'internals', 'performance.md');
if (values.page && withLatency) putInPage(page, 'latency', latencyTable({ machine, trials, results }));
console.log(`\nwritten to ${path.relative(process.cwd(), values.json)} and ${path.relative(process.cwd(), tables)}`);

if (values.node.length > 0) {
  const asked = { suites: positionals, trials, short: values.short, beside: values.json };
  const others = values.node.map((major) => onNode(major, asked));
  const table = nodesTable([{ machine, trials, results }, ...others]);
  console.log(`\n${table}`);
  writeFileSync(tables, `\n${table}\n`, { flag: 'a' });
  if (values.page) putInPage(page, 'nodes', table);
}

function trialOf(suite) {
  return new Promise((resolve, reject) => {
    const child = fork(path.join(here, 'suites', `${suite}.mjs`), { execArgv: ['--expose-gc', '--conditions=node'] });
    let result;
    child.on('message', (message) => { result = message; });
    child.on('exit', (code, signal) => {
      if (code === 0 && result !== undefined) resolve(result);
      else reject(new Error(`the suite ${suite} ended with ${signal ?? code}`));
    });
  });
}

function print(row, merged) {
  console.log(`  ${row.title}`);
  for (const { name, value, ratio } of shown(row, merged)) console.log(`    ${name.padEnd(36)} ${value.padStart(22)} ${ratio.padStart(10)}`);
}

/** For each suite a table of all that was done in the same ways: a line for each thing, a cell for each way, with its ratio. */
function markdown({ cpu, kernel, filesystem, node, loadAverage }, count, all) {
  const trialsText = count === 1 ? 'one trial' : `medians of ${count} trials`;
  const lines = [`${cpu}, ${kernel}, ${filesystem}, Node ${node}, load ${loadAverage.toFixed(1)}, ${trialsText}`];
  const kindOf = ({ suite, times }) => [suite, ...Object.keys(times)].join();
  for (const kind of new Set(all.map(kindOf))) {
    const rows = all.filter((row) => kindOf(row) === kind);
    const [{ suite, times }] = rows;
    const columns = Object.keys(times);
    lines.push('', `| ${suite} | ${columns.join(' | ')} |`, `|${'---|'.repeat(columns.length + 1)}`);
    for (const row of rows) {
      const cells = shown(row, Object.entries(row.times).map(([name, ns]) => ({ name, ns })));
      lines.push(`| ${row.title} | ${cells.map(({ value, ratio }) => (ratio === '' ? value : `${value} (${ratio})`)).join(' | ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
