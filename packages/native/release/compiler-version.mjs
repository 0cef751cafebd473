// Prints which compiler `c++` is, for Nx to tell apart what it built; nothing on a system that has none.
import { spawnSync } from 'node:child_process';

const { stdout } = spawnSync('c++', ['-dumpfullversion', '-dumpmachine'], { encoding: 'utf8' });
console.log(stdout ?? 'no c++');
