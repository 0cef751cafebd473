// Refuses to pack @safe-pmem/native unless all its binaries are there, belong to these sources, are as they were built,
// and need nothing that an old system lacks. npm runs it before every pack and publish; `npm run build:binaries` before it
// has finished.
import { readFileSync } from 'node:fs';
import { ADDON, shippedBinary, TARGETS, TESTING_ADDON } from '../scripts/target.mjs';
import { inspectBinary, manifestFile, packageFolder, sha256, sourcesDigest } from './binary-facts.mjs';

function readManifest() {
  try {
    return JSON.parse(readFileSync(manifestFile, 'utf8'));
  } catch {
    return undefined;
  }
}

function problemsOf(target, addon, manifest) {
  let bytes;
  try {
    bytes = readFileSync(shippedBinary(packageFolder, target, addon));
  } catch (error) {
    return [error.code === 'ENOENT' ? 'it is missing' : error.message];
  }
  const { problems, floor } = inspectBinary(bytes, target);
  const isBuilt = manifest === undefined || manifest.binaries?.[target]?.[addon] === sha256(bytes);
  if (!isBuilt) problems.push('it is not the one that was built');
  if (problems.length === 0) console.log(`${target}: ${addon}: ${bytes.length} bytes, ${floor ?? 'no versioned symbols'}`);
  return problems;
}

/** Everything that forbids publishing, in words. */
export function findProblems() {
  const manifest = readManifest();
  const problems = TARGETS.flatMap((target) =>
    [ADDON, TESTING_ADDON].flatMap((addon) =>
      problemsOf(target, addon, manifest).map((problem) => `${target}: ${addon}: ${problem}`),
    ),
  );
  if (manifest === undefined) problems.push('binary/manifest.json, which says what they were built from, is missing');
  else if (manifest.sources !== sourcesDigest()) problems.push('they were built from other sources than these');
  return problems;
}

const problems = findProblems();
if (problems.length > 0) {
  console.error(`The binaries of @safe-pmem/native are not fit to be published:\n${problems.map((text) => `- ${text}`).join('\n')}`);
  console.error('Build them: npm run build:binaries');
  process.exitCode = 1;
}
