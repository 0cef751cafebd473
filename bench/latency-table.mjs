/** The table of latencies in docs/internals/performance.md, as `npm run bench -- latency --page` writes it. */
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

function microseconds(ns) {
  return (ns / 1000).toLocaleString('en', { maximumFractionDigits: ns < 100_000 ? 1 : 0 });
}
