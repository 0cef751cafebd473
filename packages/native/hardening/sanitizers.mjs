// npm run test:sanitizers [-- --cpp] [-- --addon] [-- --threads]
//
// The tests of this package with ASan, UBSan, LSan and TSan looking on. Everything is built in `.cache/hardening`; the
// binary that the package loads, and its `build` folder, are left alone. See docs/internals/native-hardening.md.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checkAddonControls, checkLeakControl, checkProgramControls } from './controls.mjs';
import { findingsIn, makeInstrumentedStage, MissingPrerequisite } from './instrumented-stage.mjs';

const require = createRequire(import.meta.url);
const { values: asked } = parseArgs({
  options: { cpp: { type: 'boolean' }, addon: { type: 'boolean' }, threads: { type: 'boolean' } },
});
const everything = asked.cpp !== true && asked.addon !== true && asked.threads !== true;
const begun = performance.now();
const failures = [];

function step(name) {
  console.log(`\n=== ${name} (${Math.round((performance.now() - begun) / 1000)} s)`);
}

function attempt(name, command, args, { cwd, env = {} }) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status === 0) return;
  failures.push(`${name}: ${error?.message ?? signal ?? `exit code ${status}`}`);
}

/** The Node-free core, at -O2 and at -O3. TSan's threads share one mapping: it is blind to two mappings of one file. */
async function testCore(packageFolder) {
  step('cpp/pmem under ASan and UBSan, and beside it under TSan');
  await Promise.all(['address,undefined', 'thread'].map((sanitize) => testCoreUnder(sanitize, packageFolder)));
}

/** Says all that it has to say at once, when it is over. */
async function testCoreUnder(sanitize, packageFolder) {
  const child = spawn(process.execPath, ['cpp/test/run.mjs'], {
    cwd: packageFolder,
    env: { ...process.env, SANITIZE: sanitize },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  const [code, signal] = await once(child, 'close');
  console.log(said);
  if (code !== 0) failures.push(`cpp/pmem under ${sanitize}: ${signal ?? `exit code ${code}`}`);
}

function testAddon(stage) {
  step('the addon under ASan and UBSan: the tests of this package');
  console.log(
    'left out: test/sigbus/optimised-build.test.ts, which demands a binary compiled with -O2; this one is -O1',
  );
  console.log(
    'replaced: test/sigbus/many-faults.test.ts, which measures memory that ASan holds back on purpose; see below',
  );
  const vitest = path.join(path.dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
  attempt('the tests of the addon', process.execPath, [vitest, 'run', '--config', 'hardening/vitest.sanitized.config.mjs'], {
    cwd: stage.packageFolder,
    // Vitest itself leaks a little, and nothing of it is ours to see.
    env: { ...stage.environment, ASAN_OPTIONS: `${stage.environment.ASAN_OPTIONS}:detect_leaks=0` },
  });

  step('the addon under ASan and UBSan: faults by the thousand');
  for (const [kind, count] of [
    ['poison', 1000],
    ['truncation', 3000],
    ['errors', 3000],
  ]) {
    const scratch = mkdtempSync('/dev/shm/safe-pmem-hardening-');
    checkManyFaults(stage, kind, count, scratch);
    rmSync(scratch, { recursive: true });
  }
}

/** Each fault jumps out of a signal handler, for which ASan clears the shadow of the stack: a millisecond at worst. */
function checkManyFaults(stage, kind, count, scratch) {
  const program = path.join(stage.packageFolder, 'test', 'sigbus', 'programs', 'many-faults.mjs');
  const args = ['--expose-gc', program, kind, String(count), scratch];
  const { stdout, stderr, status, signal } = spawnSync(stage.node, args, { encoding: 'utf8' });
  console.log(`${kind}: ${stdout.trim()}`);
  const report = status === 0 ? JSON.parse(stdout) : undefined;
  const right =
    report?.caught === count && report.descriptors === 0 && report.healthy === 'right' && !report.sigbusBlocked;
  if (!right || report.fileMappings[0] !== report.fileMappings[1]) {
    failures.push(`many-faults ${kind}: ended with ${signal ?? status}\n${stderr}`);
  }
}

/** What the pool's threads and the JavaScript threads do to each other; the fuzzer has more of it at once than any test. */
function testThreads() {
  step('the addon under TSan: the fuzzer');
  const fuzz = path.join(import.meta.dirname, 'fuzz.mjs');
  attempt('the fuzzer under TSan', process.execPath, [fuzz, '--sanitizer', 'thread', '--seconds', '30'], {
    cwd: import.meta.dirname,
  });
}

function checkReports(stage) {
  step('reports');
  const { findings, foreignLeakReports } = findingsIn(stage.reports, 'safe-pmem.node');
  console.log(
    `${findings.length} of ours; ${foreignLeakReports} processes had leaks that are all of V8, a shell or a compiler`,
  );
  for (const finding of findings) failures.push(finding);
}

try {
  step('staging and building');
  const withAddon = everything || asked.addon === true;
  const stage = makeInstrumentedStage('sanitizers', { sanitize: 'address,undefined', leaks: true, addon: withAddon });
  step('controls: each sanitizer finds a deliberate mistake');
  checkProgramControls(path.join(stage.folder, 'controls'));
  if (everything || asked.cpp === true) await testCore(stage.packageFolder);
  if (withAddon) {
    checkAddonControls('address,undefined', stage);
    checkLeakControl(stage);
    testAddon(stage);
    checkReports(stage);
  }
  if (everything || asked.threads === true) testThreads();
} catch (error) {
  failures.push(error instanceof MissingPrerequisite ? `cannot run here: ${error.message}` : String(error.stack));
}
step(failures.length === 0 ? 'nothing found' : `${failures.length} failed`);
for (const failure of failures) console.error(failure);
process.exitCode = failures.length === 0 ? 0 : 1;
