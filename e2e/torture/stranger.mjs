// Another user of the machine, who may read the files and nothing else.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export const STRANGER = 4711;

/** The byte that repairs exclude each other by; see REPAIR_LOCK_POSITION in packages/core. */
const REPAIR_LOCK = 2 ** 53 - 2;

/**
 * OFD read lock of a range; of every byte, if its length is 0. The file is opened as root, for the sake of its folder:
 * what counts is that it cannot be written to.
 */
const READER = `
import fcntl, os, struct, sys
F_OFD_SETLK = 37
try:
    fd = os.open(sys.argv[1], os.O_RDONLY)
    os.setgid(${STRANGER})
    os.setuid(${STRANGER})
    fcntl.fcntl(fd, F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_RDLCK, 0, *map(int, sys.argv[2:4]), 0))
except (FileNotFoundError, BlockingIOError):
    sys.exit(2)
print('locked', flush=True)
sys.stdin.read()
`;

/** Undefined if there is no such file, or a writer has locked a part of it. */
export async function lockAsReader(file, { repairsOnly = false } = {}) {
  const range = repairsOnly ? [REPAIR_LOCK, 1] : [0, 0];
  const child = spawn('python3', ['-c', READER, file, ...range.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const isLocked = await Promise.race([once(child.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!isLocked) {
    if (child.exitCode !== 2) throw new Error(`the reader ended with ${child.exitCode}`);
    return undefined;
  }
  return {
    release: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
