// Proves that the sanitizers find something here, before anything is concluded from their silence.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { leaksOf, MissingPrerequisite } from './instrumented-stage.mjs';

const sources = path.join(import.meta.dirname, 'controls');
const require = createRequire(import.meta.url);

function compile(flags, inputs, output) {
  const compiler = process.env.CXX ?? 'g++';
  const args = [
    '-std=c++17',
    '-g',
    '-O1',
    '-fPIC',
    '-pthread',
    ...flags,
    ...inputs.map((name) => path.join(sources, name)),
    '-o',
    output,
  ];
  const { status, stderr, error } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (status !== 0)
    throw new MissingPrerequisite(`${compiler} cannot build with ${flags[0]}: ${error?.message ?? stderr}`);
}

/** Runs a command that makes one deliberate mistake. Returns what was said of it, on stderr or into report files. */
function mistake(command, args, env, reports) {
  for (const name of reports === undefined ? [] : readdirSync(reports)) rmSync(path.join(reports, name));
  const { status, signal, stderr } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  const written =
    reports === undefined ? [] : readdirSync(reports).map((name) => readFileSync(path.join(reports, name), 'utf8'));
  return { ended: signal ?? status, text: [stderr, ...written].join('\n') };
}

function demand(what, { ended, text }, expected) {
  if (expected.test(text)) return;
  const hint = text.includes('unexpected memory mapping')
    ? ' (lower vm.mmap_rnd_bits to 28: this runtime cannot place its shadow)'
    : '';
  throw new MissingPrerequisite(`${what} found nothing in a deliberate mistake${hint}: ended with ${ended}\n${text}`);
}

/** For programs without Node: what cpp/test/run.mjs builds. */
export function checkProgramControls(folder) {
  const at = (name) => path.join(folder, name);
  mkdirSync(folder, { recursive: true });
  compile(['-fsanitize=address,undefined'], ['broken.cc', 'main.cc'], at('address'));
  compile(['-fsanitize=thread'], ['broken.cc', 'main.cc'], at('thread'));
  const leaky = { ASAN_OPTIONS: 'detect_leaks=1' };
  demand('AddressSanitizer', mistake(at('address'), ['overflow'], {}), /heap-buffer-overflow/);
  demand('LeakSanitizer', mistake(at('address'), ['leak'], leaky), /detected memory leaks/);
  demand('UndefinedBehaviorSanitizer', mistake(at('address'), ['undefined'], {}), /signed integer overflow/);
  demand('ThreadSanitizer', mistake(at('thread'), ['race'], {}), /data race/);
}

function compileAddon(folder, sanitize) {
  const addon = path.join(folder, 'control.node');
  const headers = require('node-api-headers').include_dir;
  compile([`-fsanitize=${sanitize}`, '-shared', '-isystem', path.resolve(headers)], ['broken.cc', 'addon.cc'], addon);
  return addon;
}

/** Makes mistakes in an addon inside node, which is built and run as the staged one is. Leaves no report behind. */
export function checkAddonControls(sanitize, { folder, node, reports }) {
  const addon = compileAddon(folder, sanitize);
  const make = (which) => mistake(node, ['-e', `require(${JSON.stringify(addon)}).make('${which}')`], {}, reports);
  if (sanitize === 'thread') {
    demand('ThreadSanitizer in node', make('race'), /data race/);
  } else {
    demand('AddressSanitizer in node', make('overflow'), /heap-buffer-overflow/);
    demand('UndefinedBehaviorSanitizer in node', make('undefined'), /signed integer overflow/);
  }
  if (make('nothing').text !== '') throw new Error('a control without a mistake was reported');
}

/** A leak is reported, and is known to be the addon's. */
export function checkLeakControl({ folder, node, reports }) {
  const addon = compileAddon(folder, 'address,undefined');
  const make = (which) => mistake(node, ['-e', `require(${JSON.stringify(addon)}).make('${which}')`], {}, reports);
  const leak = make('leak');
  demand('LeakSanitizer in node', leak, /detected memory leaks/);
  if (leaksOf('control.node', leak.text).length !== 1)
    throw new Error(`the leak was not attributed to its addon:\n${leak.text}`);
  make('nothing');
}
