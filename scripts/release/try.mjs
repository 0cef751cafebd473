/**
 * npm run release:try: what the next release would change, without changing or publishing anything. Fails if a package
 * or a dependency between packages would keep its old version, if the changelog says nothing of the release, or if the
 * dry run was none. Takes a few seconds.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..', '..');
const manifests = [...readdirSync(path.join(root, 'packages')).map((name) => `packages/${name}`), 'e2e/real-pmem']
  .map((folder) => ({ folder, ...JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) }));
const names = manifests.map(({ name }) => name);
const [current, ...others] = new Set(manifests.map(({ version }) => version));
const problems = others.map((version) => `packages have different versions: ${current} and ${version}`);

function state() {
  return execFileSync('git', ['status', '--porcelain', '--untracked-files=all'], { cwd: root, encoding: 'utf8' })
    + execFileSync('git', ['diff'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 });
}

const [major, minor] = current.split('.').map(Number);
const next = `${major}.${minor + 1}.0`;
const before = state();
const nx = path.join(root, 'node_modules', '.bin', 'nx');
const output = execFileSync(nx, ['release', 'version', next, '--dry-run'], {
  cwd: root, encoding: 'utf8', env: { ...process.env, NX_DAEMON: 'false', NO_COLOR: '1', FORCE_COLOR: '0' },
});
console.log(output);
if (state() !== before) problems.push('the dry run has changed files');

for (const { folder, name, ...manifest } of manifests) {
  if (!output.includes(`${folder}/package.json: version ${next}`)) problems.push(`${name} keeps version ${current}`);
  const kinds = ['dependencies', 'devDependencies', 'peerDependencies'];
  const own = kinds.flatMap((kind) => Object.keys(manifest[kind] ?? {}));
  const line = output.split('\n').find((text) => text.includes(`${folder}/package.json: needs `)) ?? '';
  for (const dependency of new Set(own.filter((one) => names.includes(one)))) {
    if (!line.includes(`${dependency} ^${next}`)) problems.push(`${name} would go on needing the old ${dependency}`);
  }
}
const changelog = readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8');
const unreleased = /^## \[Unreleased\]\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(changelog)?.[1] ?? '';
if (!/^- /m.test(unreleased)) problems.push('CHANGELOG.md says nothing under Unreleased');

for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? `${current} could become ${next}` : `${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
