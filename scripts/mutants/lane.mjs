// A copy of core and mock in which mutants are tried one after the other, on the sources themselves: nothing is built.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { functionAround, reachSetup, readReach } from './reach.mjs';

const root = path.resolve(import.meta.dirname, '..', '..');
const require = createRequire(import.meta.url);
const vitest = path.join(path.dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const { transform } = require(require.resolve('esbuild', { paths: [require.resolve('tsup')] }));

/** If a mutant makes a loop endless, this ends it; so long that a busy machine alone cannot reach it. */
const HANGS_AFTER_MS = 1_800_000;

const OPENERS = ['packages/mock/test/explore/several-openers.test.ts'];

/** Orders of each situation: first few, as in every test run. */
export const EXPLORER_STAGES = [50, 1000].map((orders) => Object.assign([...OPENERS], { orders }));

/** Everything that mutants are held against. */
export const ALL_TESTS = [
  'packages/core/test/**/*.test.ts',
  'packages/mock/test/*.test.ts',
  'packages/mock/test/pmem-file/*.test.ts',
  'packages/mock/test/explore/{every,failures,planted}*.test.ts',
  'packages/mock/test/explore/pmem-file.test.ts',
  ...OPENERS,
];

/** These run programs on the packages as they are built, which no mutant is in. */
const ON_BUILT_PACKAGES = ['**/{guides,other-systems}.test.ts'];

/**
 * Packages are what their sources in the copy say. One process for all test files: most of a run is loading them. Files
 * whose paths end as those of `first` come before all others, in that order; then those that took the shortest time.
 */
function configFor(copy, include, { first = [], durationsMs = {}, setupFiles = [] }) {
  const alias = { '@safe-pmem/core/contract': `${copy}/packages/core/contract/index.ts` };
  for (const name of ['core', 'mock']) alias[`@safe-pmem/${name}`] = `${copy}/packages/${name}/src/index.ts`;
  const test = { include, exclude: ON_BUILT_PACKAGES, setupFiles, testTimeout: 120_000, fileParallelism: false, isolate: false };
  return `import { BaseSequencer } from 'vitest/node';
const first = ${JSON.stringify(first)};
const durationsMs = ${JSON.stringify(durationsMs)};
const placeOf = ({ moduleId }) => {
  const place = first.findIndex((end) => moduleId.endsWith(end));
  return place === -1 ? durationsMs[moduleId.slice(${copy.length + 1})] ?? 0 : place - first.length;
};
class QuickFirst extends BaseSequencer {
  async sort(files) {
    return (await super.sort(files)).sort((a, b) => placeOf(a) - placeOf(b));
  }
}
export default { resolve: { alias: ${JSON.stringify(alias)} }, test: { ...${JSON.stringify(test)}, sequence: { sequencer: QuickFirst } } };
`;
}

/** Vitest keeps every module that it has compiled in a folder of the system's temporary folder. */
const FULL_DISK = 'ENOSPC: no space left on device, write';

export class Lane {
  #copy = mkdtempSync(path.join(tmpdir(), 'safe-pmem-mutants-'));
  #running = undefined;

  constructor() {
    const skipped = /(^|\/)(node_modules|dist|build|binary|coverage|\.nx)$/;
    for (const name of ['package.json', 'tsconfig.base.json', 'docs', 'packages/core', 'packages/mock']) {
      const to = path.join(this.#copy, name);
      mkdirSync(path.dirname(to), { recursive: true });
      cpSync(path.join(root, name), to, { recursive: true, filter: (from) => !skipped.test(from) });
    }
    mkdirSync(path.join(this.#copy, 'node_modules'));
    for (const name of readdirSync(path.join(root, 'node_modules'))) {
      // Not as it was built: vitest takes the sources of the copy for it.
      if (name !== '@safe-pmem') symlinkSync(path.join(root, 'node_modules', name), path.join(this.#copy, 'node_modules', name));
    }
  }

  /**
   * Runs the tests of one stage, in the order of configFor(). Returns as `killer` what failed first, if anything did,
   * and as `said` with which words; `ranOutOfTime` if that was a test that took too long, which may be the machine's
   * doing and kills nothing. Neither does a disk that was full. If nothing failed, `durationsMs` by test file.
   */
  async run(stage, options = {}) {
    for (let tries = 0; tries < 3; tries++) {
      const outcome = await this.#tryStage(stage, options);
      if (outcome.killer === undefined || !outcome.killer.endsWith(FULL_DISK)) return outcome;
    }
    throw new Error(`vitest cannot write its files: ${FULL_DISK}`);
  }

  /** run() without a mutant. The result also has `reach`: the test files of each function that any of them runs. */
  async learn(stage) {
    const [setup, report] = ['reach.setup.mjs', 'reach.txt'].map((name) => path.join(this.#copy, name));
    writeFileSync(setup, reachSetup(report));
    rmSync(report, { force: true });
    const outcome = await this.run(stage, { setupFiles: [setup] });
    return outcome.killer === undefined ? { ...outcome, reach: readReach(report, this.#copy) } : outcome;
  }

  async #tryStage(stage, options) {
    const report = path.join(this.#copy, 'report.json');
    rmSync(report, { force: true });
    const config = path.join(this.#copy, 'vitest.config.mjs');
    writeFileSync(config, configFor(this.#copy, stage, options));
    const args = [vitest, 'run', '--config', config, '--bail', '1', '--reporter', 'json', '--outputFile', report];
    const ended = await this.#spawn(args, stage.orders);
    if (ended === 'hangs') return { killer: 'it hangs' };
    const { success, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    if (success) return { durationsMs: this.#durationsOf(testResults) };
    for (const { name, message, assertionResults } of testResults) {
      const failed = assertionResults.find(({ status }) => status === 'failed');
      if (failed?.failureMessages.some((text) => text.includes('Test timed out'))) return { ranOutOfTime: true };
      const test = path.relative(this.#copy, name);
      if (failed !== undefined) {
        return { killer: `${test}: ${failed.fullName}`, said: failed.failureMessages.join('\n') };
      }
      if (message !== '') return { killer: `${test}: ${message.split('\n')[0]}`, said: message };
    }
    throw new Error('vitest failed, and no test did');
  }

  /**
   * Tries one mutant, with the test files `killers` before all others, and with those alone that run its function if
   * learn() has told any. Returns as `killer` the test that notices the
   * mutant, if any does; `ranOutOfTime` as run() does.
   */
  async judge({ file, find, replace }, stages, killers, { durationsMs, reach } = {}) {
    const at = path.join(this.#copy, file);
    const source = readFileSync(at, 'utf8');
    const found = source.split(find).length - 1;
    if (found !== 1) throw new Error(`${file}: '${find}' stands there ${found} times`);
    const mutated = source.replace(find, () => replace);
    // A mutant that does not parse would be killed by everything.
    await transform(mutated, { loader: 'ts' });
    writeFileSync(at, mutated);
    try {
      let ranOutOfTime = false;
      const place = `${file} ${functionAround(source, source.indexOf(find) + find.search(/\S/))}`;
      const reaching = reach?.get(place);
      for (const stage of reaching === undefined ? stages : [[...reaching]]) {
        const outcome = await this.run(stage, { first: killers, durationsMs });
        if (outcome.killer !== undefined) return outcome;
        ranOutOfTime ||= outcome.ranOutOfTime === true;
      }
      return { ranOutOfTime };
    } finally {
      writeFileSync(at, source);
    }
  }

  dispose() {
    this.#running?.kill('SIGKILL');
    rmSync(this.#copy, { recursive: true, force: true });
  }

  #durationsOf(testResults) {
    return Object.fromEntries(testResults.map(({ name, startTime, endTime }) => [path.relative(this.#copy, name), endTime - startTime]));
  }

  #spawn(args, orders) {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, EXPLORED_STATES: '7000', EXPLORED_ORDERS: String(orders ?? 50) };
      const limits = { timeout: HANGS_AFTER_MS, killSignal: 'SIGKILL' };
      const child = spawn(process.execPath, args, { cwd: this.#copy, env, stdio: 'ignore', ...limits });
      this.#running = child;
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        this.#running = undefined;
        resolve(signal === 'SIGKILL' ? 'hangs' : code);
      });
    });
  }
}
