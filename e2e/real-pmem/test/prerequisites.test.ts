import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram } from '../src/host/prerequisites.js';

const COMMAND = path.join(import.meta.dirname, '..', 'dist', 'host', 'cli.js');
/** Hides the programs named first, gives up root's rights to install others, and runs the rest. */
const HIDE_AND_RUN =
  'while [ "$1" != -- ]; do mount --bind /dev/null "$1" || exit 99; shift; done; shift; exec unshare --user --map-user=65534 "$@"';

/** The command on a machine that lacks these programs, as a user who cannot install them. */
function runWithout(...programs: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const namespaces = process.getuid?.() === 0 ? ['--mount'] : ['--map-root-user', '--mount'];
  const hidden = programs.map(findProgram).filter((found) => found !== undefined);
  const args = [...namespaces, 'sh', '-c', HIDE_AND_RUN, 'sh', ...hidden, '--', process.execPath, COMMAND, '--job', 'smoke'];
  const { error, status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
  if (error !== undefined || status === 99) throw new Error(`this test needs unshare and mount (util-linux): ${error?.message ?? stderr}`);
  return { status, stdout, stderr };
}

describe('a machine without the programs that a guest needs', () => {
  it('is told the packages and the command, and that nothing has run', () => {
    const { status, stdout, stderr } = runWithout('cpio', 'mkfs.xfs', 'xfs_io');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^cannot run: missing packages: (\S+, )*cpio, (\S+, )*xfsprogs(, \S+)*; installing them needs root$/m);
    expect(stderr).toMatch(/^try: sudo sh -c 'apt-get update && apt-get install .*cpio.* xfsprogs/m);
    expect(stdout).not.toContain('booting');
  });

  it('and without apt-get, to install them in its own way', () => {
    const { status, stderr } = runWithout('cpio', 'apt-get');
    expect(status).toBe(2);
    expect(stderr).toMatch(/cpio.*; this machine has no apt-get\ntry: install the same programs with its own package manager/);
  });
});
