// Programs that are not run where they were installed: bundles by esbuild and Bun, single executables of both, and a
// bundle by Vite that leaves the native package where it was installed, as rollup and webpack have to as well.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Bundles `entry` of the installed project and returns where the output is: alone, in the root's /home/bundle. */
function bundle(place, entry, options) {
  const esbuild = require('esbuild');
  const out = path.join(place, 'home', 'bundle');
  mkdirSync(out, { recursive: true });
  esbuild.buildSync({
    entryPoints: [path.join(place, 'home', 'project', entry)],
    bundle: true, platform: 'node', target: 'node20', outdir: out, logLevel: 'error', ...options,
  });
  return out;
}

export const BUNDLES = [
  {
    name: 'esbuild, CommonJS',
    make: (place) => {
      bundle(place, 'five-ways.mjs', { format: 'cjs', outExtension: { '.js': '.cjs' }, loader: { '.node': 'copy' } });
      return ['/usr/bin/node', '/home/bundle/five-ways.cjs'];
    },
  },
  {
    name: 'esbuild, ESM',
    make: (place) => {
      bundle(place, 'five-ways.mjs', {
        format: 'esm',
        outExtension: { '.js': '.mjs' },
        loader: { '.node': 'copy' },
        // A bundle of ESM has no require; the addon cannot be loaded without.
        banner: { js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);" },
      });
      return ['/usr/bin/node', '/home/bundle/five-ways.mjs'];
    },
  },
  {
    name: 'single executable',
    make: async (place, modules) => {
      const out = bundle(place, 'single-executable.cjs', { format: 'cjs', outExtension: { '.js': '.cjs' }, external: ['*.node'] });
      const binary = path.join(place, 'home/project/node_modules/@safe-pmem/native/binary/linux-x64-glibc/safe-pmem.node');
      const at = (name) => path.join(out, name);
      writeFileSync(at('sea.json'), JSON.stringify({
        main: at('single-executable.cjs'), output: at('blob'), disableExperimentalSEAWarning: true, assets: { 'safe-pmem.node': binary },
      }));
      execFileSync(process.execPath, ['--experimental-sea-config', at('sea.json')], { stdio: 'pipe' });
      cpSync(process.execPath, at('app'));
      chmodSync(at('app'), 0o755);
      await require(path.join(modules, 'postject')).inject(at('app'), 'NODE_SEA_BLOB', readFileSync(at('blob')), { sentinelFuse: FUSE });
      return ['/home/bundle/app'];
    },
  },
  {
    name: 'vite for a server, native package external',
    needsInstallation: true,
    make: async (place) => {
      const { build } = await import('vite');
      await build({
        root: path.join(place, 'home', 'project'), configFile: false, logLevel: 'error',
        ssr: { noExternal: true, external: ['@safe-pmem/native'] },
        build: { ssr: 'five-ways.mjs', outDir: 'built' },
      });
      return ['/usr/bin/node', '/home/project/built/five-ways.js'];
    },
  },
  {
    name: 'bun build --compile',
    make: (place, modules) => {
      const out = path.join(place, 'home', 'bundle');
      mkdirSync(out, { recursive: true });
      const bun = path.join(modules, '@oven/bun-linux-x64/bin/bun');
      const cwd = path.join(place, 'home', 'project');
      const args = ['build', 'five-ways.mjs', '--compile', '--outfile', path.join(out, 'app')];
      execFileSync(bun, args, { cwd, stdio: 'pipe' });
      return ['/home/bundle/app'];
    },
  },
];
