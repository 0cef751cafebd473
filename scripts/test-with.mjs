// Runs tests of a package with variables of the environment, which are kept if they are set. Package scripts may not
// say `NAME=value command`: no shell of Windows understands it. What follows `--` are arguments of `vitest run`.
//
//   node scripts/test-with.mjs packages/examples EXPLORED_STATES=50000 -- test/wal/explore
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';

const [folder, ...rest] = process.argv.slice(2);
const variables = rest.slice(0, rest.indexOf('--')).map((text) => text.split('='));
const cwd = path.resolve(import.meta.dirname, '..', folder);
const require = createRequire(path.join(cwd, 'package.json'));
const vitest = path.join(path.dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const { status, error } = spawnSync(process.execPath, [vitest, 'run', ...rest.slice(rest.indexOf('--') + 1)], {
  cwd, stdio: 'inherit', env: { ...Object.fromEntries(variables), ...process.env },
});
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
