// Filesystems in image files, and a process that looks at a file in one of them as an ordinary user.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

export const PAGE = 4096;
export const MIB = 2 ** 20;
/** Nobody: root is above quotas and may use reserved blocks. */
export const NOBODY = 65534;

/** Runs a command that has to succeed, and returns what it wrote. */
export function run(command, ...args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? (stderr || stdout)}`);
}

/** Makes a filesystem of `sizeBytes` in an image file, mounts it, and returns where. Anybody may write into its root. */
export function mountNew(folder, kind, sizeBytes, { mkfs = [], options = '' } = {}) {
  const image = path.join(folder, 'image');
  const place = path.join(folder, 'mounted');
  chmodSync(folder, 0o755);
  mkdirSync(place, { recursive: true });
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  run(`mkfs.${kind}`, '-q', ...mkfs, image);
  run('mount', '-o', `loop${options === '' ? '' : `,${options}`}`, image, place);
  chmodSync(place, 0o777);
  return place;
}

/** Runs `access.mjs` as nobody: what it reports of the file, step by step. */
export function accessAs(uid, file, steps) {
  const program = path.join(import.meta.dirname, 'access.mjs');
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program, file, JSON.stringify(steps)], {
    encoding: 'utf8',
    uid,
    gid: uid,
    cwd: '/',
    maxBuffer: 64 * MIB,
  });
  if (status !== 0) throw new Error(`access.mjs ended with ${signal ?? status}\n${stdout}\n${stderr}`);
  return JSON.parse(stdout);
}
