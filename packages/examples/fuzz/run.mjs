// npm run fuzz:engines [-- --seconds N] [--seed S]
//
// Fuzzes each engine on files and streams that contradict themselves with checksums that hold: for N seconds in all
// (default 40). Ends with exit code 1 if a case fails, if nothing happens for three minutes, or if the memory of the process
// grows beyond bounds, and says the seed that reruns it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const ENGINES = 4;
const HEAP_MEGABYTES = 1024;
/** A case takes milliseconds, and loading a test file some seconds: on any machine, this is one that does not end. */
const QUIET_MS_MAX = 180_000;

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '40' }, seed: { type: 'string' } } });
const require = createRequire(import.meta.url);
const vitest = path.join(path.dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const directory = mkdtempSync(path.join(tmpdir(), 'safe-pmem-fuzz-'));
const trace = path.join(directory, 'case');
writeFileSync(trace, 'no case yet');
process.once('exit', () => rmSync(directory, { recursive: true }));

// Threads: then all of it is one process, which ends by one signal on every system, also in a loop that never yields.
const vitestOptions = ['--pool', 'threads', '--no-file-parallelism', '--reporter', 'verbose'];
const child = spawn(process.execPath, [vitest, 'run', 'test/fuzz', ...vitestOptions], {
  cwd: path.resolve(import.meta.dirname, '..'),
  stdio: 'inherit',
  env: {
    ...process.env,
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}`,
    FUZZ_SECONDS: String(Number(values.seconds) / ENGINES),
    FUZZ_TRACE: trace,
    ...(values.seed === undefined ? {} : { FUZZ_SEED: values.seed }),
  },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => { child.kill('SIGKILL'); process.exit(1); });

let hangs = false;
const watch = setInterval(() => {
  const quietMs = Date.now() - statSync(trace).mtimeMs;
  if (quietMs < QUIET_MS_MAX) return;
  hangs = true;
  child.kill('SIGKILL');
}, 1000);

child.on('exit', (code, signal) => {
  clearInterval(watch);
  if (code !== 0) {
    const how = hangs ? 'does not end' : signal === null ? 'failed' : `ended by ${signal}`;
    console.error(`fuzz:engines: ${how}; the last case was ${readFileSync(trace, 'utf8')}`);
  }
  process.exitCode = code === 0 ? 0 : 1;
});
