/** The table of latencies in docs/internals/performance.md, as `npm run bench -- latency --page` writes it. */
import { readFileSync, writeFileSync } from 'node:fs';

const BEGIN = '<!-- latency: written by `npm run bench -- latency --page` -->';
const END = '<!-- /latency -->';
const SHARES = ['p50', 'p99', 'p99.9', 'max'];

/** A line for each contestant of each kind of write, a column for each percentile. */
export function latencyTable({ machine, trials, results }) {
  const rows = results.filter(({ suite }) => suite === 'latency');
  if (rows.length === 0) throw new Error('no latencies were measured: run the suite latency');
  const lines = new Map();
  for (const { title, times } of rows) {
    const [, what, share] = /^(.*), (p50|p99|p99\.9|max)$/.exec(title);
    for (const [who, ns] of Object.entries(times)) {
      const key = `| ${what} | ${who} |`;
      lines.set(key, { ...lines.get(key), [share]: ns });
    }
  }
  const { cpu, kernel, filesystem, node, loadAverage } = machine;
  const of = trials === 1 ? 'one trial' : `medians of ${trials} trials`;
  return [
    `In microseconds; ${cpu}, ${kernel}, ${filesystem}, Node ${node}, load ${loadAverage.toFixed(1)}, ${of}.`,
    '',
    `| | | ${SHARES.join(' | ')} |`,
    `|---|---|${'---|'.repeat(SHARES.length)}`,
    ...[...lines].map(([key, times]) => `${key} ${SHARES.map((share) => microseconds(times[share])).join(' | ')} |`),
  ].join('\n');
}

/** Puts the table between the comments of the page. Throws if they are not there. */
export function writeLatencyTable(page, measured) {
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for the table: '${BEGIN}' and '${END}'`);
  writeFileSync(page, `${text.slice(0, from + BEGIN.length)}\n${latencyTable(measured)}\n${text.slice(to)}`);
}

function microseconds(ns) {
  return (ns / 1000).toLocaleString('en', { maximumFractionDigits: ns < 100_000 ? 1 : 0 });
}
