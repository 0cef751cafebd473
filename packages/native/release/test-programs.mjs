// Builds what the tests of another architecture need beside its binary, as that is built: the C++ tests and the fault
// injector. They are put into build/test-programs/<target>.
//
//   node packages/native/release/test-programs.mjs linux-arm64-glibc
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { compileAddon, sourcesIn } from '../scripts/compile.mjs';
import { TARGETS } from '../scripts/target.mjs';
import { packageFolder } from './binary-facts.mjs';
import { buildCppTests } from './cpp-tests.mjs';
import { prepareZig, zigBuild } from './zig-targets.mjs';

async function buildTestPrograms(target) {
  const zig = prepareZig();
  const folder = path.join(packageFolder, 'build', 'test-programs', target);
  mkdirSync(folder, { recursive: true });
  copyFileSync(await buildCppTests(target, zig), path.join(folder, 'pmem-test'));
  const build = zigBuild(target, zig);
  await compileAddon({
    ...build,
    sources: [...sourcesIn(packageFolder, ['cpp/fault_injector', ...build.extraSources]), 'cpp/testing/poison.cc'],
    objects: `${build.objects}-fault-injector`,
    output: path.join(folder, 'fault_injector.node'),
  });
}

const [target] = process.argv.slice(2);
try {
  if (!TARGETS.includes(target)) throw new Error(`name one of ${TARGETS.join(', ')}`);
  await buildTestPrograms(target);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
