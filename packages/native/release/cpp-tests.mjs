// The C++ tests of cpp/pmem, compiled for a target as its binary is: same compiler, same switches, same objects.
import path from 'node:path';
import { compileProgram, sourcesIn } from '../scripts/compile.mjs';
import { packageFolder } from './binary-facts.mjs';
import { zigBuild } from './zig-targets.mjs';

/** Resolves with the program's path. */
export async function buildCppTests(target, zig) {
  const build = zigBuild(target, zig);
  const output = path.join(build.objects, 'pmem-test');
  const sources = sourcesIn(packageFolder, ['cpp/pmem', ...build.extraSources, 'cpp/test']);
  await compileProgram({ ...build, sources, output });
  return output;
}
