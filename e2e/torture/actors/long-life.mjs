// A store under 16 writers for a long time, with percentiles of what each kind of operation took, and with whatever was
// slow, named together with what went on beside it.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { driver, StoreLife } from './store-life.mjs';
import { TimedCalls } from './timed-calls.mjs';

const REPORT_MS = 5000;
/** An operation that takes longer is told of by itself. */
const SLOW_MS = 1000;
const WEIGHTS = { put: 400, del: 60, batch: 60, get: 300, checkpoint: 1, repair: 0.2, scrub: 0.5 };

export async function liveLong(options, actor) {
  const calls = new TimedCalls(driver);
  const times = new Map();
  const loop = monitorEventLoopDelay({ resolution: 10 });
  loop.enable();
  const life = new StoreLife({ ...options, weights: WEIGHTS }, actor);
  const report = () => {
    const kinds = Object.fromEntries([...times].map(([kind, all]) => [kind, percentiles(all)]));
    const loopMs = round(loop.max / 1e6);
    process.send({ event: { operations: life.operations, kinds, loopMs, underWay: [...life.underWay] } });
    loop.reset();
  };
  const ticking = setInterval(report, REPORT_MS);
  await life.run((kind, tookMs) => {
    const all = times.get(kind) ?? [];
    if (all.push(tookMs) === 1) times.set(kind, all);
    if (tookMs > SLOW_MS)
      process.send({
        event: {
          slow: kind,
          tookMs: round(tookMs),
          why: calls.since(performance.now() - tookMs),
          underWay: [...life.underWay],
        },
      });
  });
  clearInterval(ticking);
  report();
  return life.operations;
}

function percentiles(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), 'p99.9': at(0.999), max: at(1) };
}

function round(ms) {
  return Math.round(ms * 100) / 100;
}
