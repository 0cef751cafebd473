// npm run test:torture [-- --seconds 90] [--seed N] [--only TEXT] [--skip TEXT …] [--round N]
//
// Real processes at real files on real filesystems, in bad weather, and an oracle that knows what was acknowledged.
// First every case whose name contains TEXT, then rounds of the kinds whose names do, until the time is over.
// Names that contain the text of a `--skip` are left out.
// `--round` runs that round alone. See README.md in this folder.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { inOwnNamespace, missing } from './prerequisites.mjs';

const { values: asked } = parseArgs({
  options: {
    seconds: { type: 'string', default: '90' },
    seed: { type: 'string', default: process.env.SAFE_PMEM_SEED ?? String(Date.now() % 1_000_000_000) },
    only: { type: 'string', default: '' },
    skip: { type: 'string', multiple: true, default: [] },
    round: { type: 'string' },
  },
});
for (const name of ['seconds', 'seed', 'round']) {
  if (asked[name] !== undefined && !/^\d+$/.test(asked[name]))
    throw new TypeError(`--${name} must be a number, got '${asked[name]}'`);
}

const problems = missing();
if (problems.length > 0) {
  console.error(`test:torture cannot run here:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  process.exit(2);
}
if (process.env.SAFE_PMEM_NAMESPACE === undefined) inOwnNamespace();

const { TortureRun } = await import('./torture-run.mjs');
const folder = mkdtempSync(path.join(tmpdir(), 'safe-pmem-torture-'));
const { only, skip } = asked;
const run = new TortureRun({ folder, seed: Number(asked.seed), seconds: Number(asked.seconds), only, skip });
const end = async (code) => {
  await run.close();
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
};
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    void end(1);
  });

let failures;
try {
  failures = await run.go(asked.round === undefined ? undefined : Number(asked.round));
} catch (error) {
  console.error(error);
  failures = 1;
}
await end(failures === 0 ? 0 : 1);
