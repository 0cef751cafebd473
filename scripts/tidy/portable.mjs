/**
 * What would keep core, mock, the command and the examples from being built and tested on macOS and Windows, as far as
 * text shows it:
 *
 * - a package script that is written for one shell
 * - names of files that differ in their case alone, or that Windows does not allow
 * - core and mock: a module of Node.js that reaches files or the system
 * - a path made of a URL's `pathname`, which is `/C:/…` on Windows, or escaped
 * - a signal to a group of processes, or a process that is made the leader of one
 * - a test that needs Linux, and is not in its package's `needsLinux`
 */
import path from 'node:path';

/** Shells differ in all of these; `&&` and double quotes are the same everywhere. */
const OF_ONE_SHELL = [
  [/(?:^|&&|\|\|)\s*\w+=/, 'sets a variable for a command: scripts/test-with.mjs'],
  [/\$|`/, 'uses a variable of the shell'],
  [/'/, 'uses single quotes, which are letters on Windows'],
  [/;|(?<!&)&(?!&)/, 'uses a separator of one shell: &&'],
  [/(?:^|&&|\|\|)\s*(?:rm|cp|mv|mkdir|cat|touch|sh|bash|test|\[|\.\/)(?:\s|$)/, 'runs a program of POSIX'],
];
const PACKAGE_SCRIPTS = /^(?:packages\/[^/]+\/)?package\.json$/;
const NAMES_OF_WINDOWS = /[<>:"|?*\\]|[. ](?:\/|$)|(?:^|\/)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\/|$)/i;
const PURE_MODULES = new Set([
  'assert/strict', 'async_hooks', 'buffer', 'crypto', 'diagnostics_channel', 'path', 'timers/promises', 'util',
]);
const RUNS_ANYWHERE = /^packages\/(?:core|mock)\/(?:src|contract)\//;
const TESTS = /^packages\/(?:core|mock|cli|examples)\/(?:src|contract|test|scripts|explore|fuzz)\/.*\.(?:ts|mjs)$/;
const NEEDS_LINUX = /@safe-pmem\/native|spawnSync\('(?:script|bash|sh)'|dist\/demo\//;

function ofScripts(name, text) {
  return Object.entries(JSON.parse(text).scripts ?? {}).flatMap(([script, command]) =>
    OF_ONE_SHELL.filter(([pattern]) => pattern.test(command)).map(([, why]) => `${name}: script ${script} ${why}`),
  );
}

function ofNames(names) {
  const groups = new Map();
  for (const name of names) groups.set(name.toLowerCase(), [...(groups.get(name.toLowerCase()) ?? []), name]);
  const alike = [...groups.values()].filter((group) => group.length > 1);
  return [
    ...alike.map((group) => `${group.join(', ')}: one file where case does not count`),
    ...names.filter((name) => NAMES_OF_WINDOWS.test(name)).map((name) => `${name}: no name that Windows allows`),
  ];
}

function ofSource(name, text) {
  const findings = [];
  for (const [, module] of RUNS_ANYWHERE.test(name) ? text.matchAll(/from 'node:([\w/]+)'/g) : []) {
    if (!PURE_MODULES.has(module)) findings.push(`${name}: node:${module}: core and mock touch no system`);
  }
  if (/\bURL\([^)]*\)\.pathname\b|import\.meta\.url\)\.pathname/.test(text)) {
    findings.push(`${name}: fileURLToPath() in place of pathname`);
  }
  if (/\bkill\(-/.test(text) || /\bdetached: true/.test(text)) {
    findings.push(`${name}: a group of processes is one on POSIX alone: run one process, and end that`);
  }
  return findings;
}

/** The test files of a package that need Linux themselves, or by a helper among the tests. */
function needingLinux(folder, texts) {
  const needs = (name, seen = new Set()) => {
    const text = texts.get(name);
    if (text === undefined || seen.has(name)) return false;
    seen.add(name);
    if (NEEDS_LINUX.test(text)) return true;
    return [...text.matchAll(/from '(\.{1,2}\/[^']+)\.js'/g)].some(([, target]) => {
      const helper = `${path.posix.join(path.posix.dirname(name), target)}.ts`;
      return helper.startsWith(`${folder}/test/`) && needs(helper, seen);
    });
  };
  const isTest = (name) => name.startsWith(`${folder}/test/`) && name.endsWith('.test.ts');
  return [...texts.keys()].filter((name) => isTest(name) && needs(name));
}

function ofTests(texts) {
  return ['core', 'mock', 'cli', 'examples'].flatMap((name) => {
    const folder = `packages/${name}`;
    const config = texts.get(`${folder}/vitest.config.ts`);
    const [, list = ''] = /needsLinux = \[([^\]]*)\]/.exec(config) ?? [];
    const listed = [...list.matchAll(/'(test\/[^']+)'/g)].map(([, file]) => `${folder}/${file}`);
    const found = needingLinux(folder, texts);
    return [
      ...found.filter((file) => !listed.includes(file)).map((file) => `${file} needs Linux, and is not in needsLinux`),
      ...listed.filter((file) => !found.includes(file)).map((file) => `${file} is in needsLinux, and does not need it`),
    ];
  });
}

export function unportable(names, texts) {
  return [
    ...ofNames(names),
    ...ofTests(texts),
    ...[...texts].flatMap(([name, text]) => [
      ...(PACKAGE_SCRIPTS.test(name) ? ofScripts(name, text) : []),
      ...(TESTS.test(name) ? ofSource(name, text) : []),
    ]),
  ];
}
