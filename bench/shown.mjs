/** Times of a row as people read them. */

/** Turns the times of a row into values in its unit, and ratios to its baseline. */
export function shown({ unit, baseline: named }, merged) {
  const perSecond = unit.endsWith('/s');
  const others = merged.slice(1);
  const fastest = Math.min(...others.map(({ ns }) => ns));
  const baseline = named === 'fastest other' ? fastest : merged.find(({ name }) => name === named)?.ns;
  return merged.map(({ name, ns }) => ({
    name,
    value: valueOf(unit, ns),
    ratio: baseline === undefined ? '' : `${(perSecond ? baseline / ns : ns / baseline).toFixed(2)} x`,
  }));
}

function valueOf(unit, ns) {
  if (unit === 'B') return `${ns.toFixed(1)} B`;
  return unit.endsWith('/s') ? `${Math.round(1e9 / ns).toLocaleString('en')} ${unit}` : duration(ns);
}

function duration(ns) {
  if (ns < 10_000) return `${ns.toFixed(1)} ns`;
  return ns < 1e7 ? `${(ns / 1000).toFixed(1)} us` : `${(ns / 1e6).toFixed(1)} ms`;
}
