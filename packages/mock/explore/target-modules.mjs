// Finds modules of targets, compiles them, and names what they export. What such a module is: see README.md here.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'tsup';

export const root = path.resolve(import.meta.dirname, '..', '..', '..');

/** Every TypeScript file of every folder packages/NAME/explore: which of them export targets, loading them tells. */
export function findSources() {
  const folders = readdirSync(path.join(root, 'packages')).map((name) => path.join(root, 'packages', name, 'explore'));
  return folders.filter((folder) => existsSync(folder)).flatMap((folder) => {
    return readdirSync(folder).filter((name) => name.endsWith('.ts')).map((name) => path.join(folder, name));
  });
}

/** Compiles and loads those that export targets: their names, addresses and exports, sorted by name. */
export async function loadModules(files) {
  for (const folder of new Set(files.map((file) => path.dirname(file)))) {
    await compile(folder, files.filter((file) => path.dirname(file) === folder));
  }
  const modules = await Promise.all(files.map(load));
  const found = modules.filter(({ targets }) => targets !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = found.flatMap(({ targets }) => targets.map(({ name }) => name));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two targets are named '${twice}'`);
  return found;
}

const entryOf = (file) => path.basename(file, '.ts');

/** Packages stay outside of the bundles: they are loaded as they were built. */
async function compile(folder, files) {
  await build({
    entry: Object.fromEntries(files.map((file) => [entryOf(file), file])), outDir: path.join(folder, 'dist'),
    format: ['esm'], target: 'node20', sourcemap: true, skipNodeModulesBundle: true,
    config: false, silent: true, dts: false, splitting: false,
  });
}

async function load(file) {
  const url = pathToFileURL(path.join(path.dirname(file), 'dist', `${entryOf(file)}.js`)).href;
  return { ...await import(url), name: path.relative(root, file), url };
}
