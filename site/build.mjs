/**
 * npm run docs: builds the site into site/build/html: the pages of docs/, and the API reference of the published packages.
 * Run after `npm run build`. Fails on a dead link. Needs no network once `npm ci` has run in this folder.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stagePages } from './stage.mjs';

const site = fileURLToPath(new URL('.', import.meta.url));
const root = path.dirname(path.resolve(site));
const pages = path.join(site, 'build/pages');

function run(name, command, args) {
  const begun = performance.now();
  execFileSync(command, args, { cwd: site, stdio: ['ignore', 'inherit', 'inherit'] });
  console.log(`${name}: ${Math.round((performance.now() - begun) / 1000)} s`);
}

if (!existsSync(path.join(site, 'node_modules/vitepress'))) run('npm ci', 'npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts']);
for (const name of ['core', 'native', 'mock']) {
  if (!existsSync(path.join(root, `packages/${name}/dist/index.d.ts`))) throw new Error(`packages/${name} is not built: run 'npm run build' first`);
}
rmSync(path.join(site, 'build'), { recursive: true, force: true });
const count = stagePages(root, pages);
console.log(`${count} pages of docs/`);
run('API reference', process.execPath, ['node_modules/typedoc/bin/typedoc']);
run('site', process.execPath, ['node_modules/vitepress/bin/vitepress.js', 'build', '.']);
console.log(`open ${path.join('site', 'build/html/index.html')}, or serve the folder`);
