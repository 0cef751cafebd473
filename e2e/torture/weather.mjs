// What happens around the processes, and what the oracle has to know of it.
import {
  lchownSync,
  linkSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PAGE } from './actors/content.mjs';
import { TRANSIENT_ERRNOS } from './errnos.mjs';
import { LOST } from './oracle/cell.mjs';
import { lockAsReader, STRANGER } from './stranger.mjs';

/** EIO too: here it is not the medium's last word. */
const TRANSIENT = { ...TRANSIENT_ERRNOS, EIO: 5 };
export const IO_CODES = [
  'ERR_PMEM_IO',
  'ERR_PMEM_NO_SPACE',
  'ERR_PMEM_ACCESS',
  'ERR_PMEM_JOURNAL',
  'ERR_PMEM_REPAIR_FAILED',
  'ERR_PMEM_MEDIA',
  'ERR_PMEM_NOT_SUPPORTED',
  'ERR_PMEM_NOT_FOUND',
  'ERR_PMEM_TRUNCATED',
  'ERR_PMEM_TOO_MANY_FILES',
  'ERR_PMEM_TOO_SMALL',
  'ERR_PMEM_LOCKED',
];
const WRITE_BACK_CODES = ['ERR_PMEM_IO', 'ERR_PMEM_NO_SPACE', 'ERR_PMEM_ACCESS', 'ERR_PMEM_REPAIR_FAILED'];
const SPACE_CODES = ['ERR_PMEM_NO_SPACE', 'ERR_PMEM_JOURNAL', 'ERR_PMEM_REPAIR_FAILED', 'ERR_PMEM_IO'];

/** While `action` runs the oracle forgives the codes. */
export async function excusing(tell, codes, action) {
  tell('excuse', codes.join(','));
  try {
    return await action();
  } finally {
    tell('blame', codes.join(','));
  }
}

/** The file moves between its names while it is open; each of them is a name that the processes try. */
export function rename({ paths, random }) {
  const [from, to] = random.chance(0.5) ? paths : [...paths].reverse();
  try {
    renameSync(from, to);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

/** A second name for a while. */
export async function link({ paths, random }) {
  for (const path of paths) {
    try {
      linkSync(path, `${paths[0]}-link`);
    } catch (error) {
      if (error.code === 'ENOENT') continue;
      throw error;
    }
    await sleep(random.below(30));
    unlinkSync(`${paths[0]}-link`);
    return;
  }
}

/** Somebody's file that is called like a journal: not ours to touch. */
export function foreignJournal({ paths }) {
  for (const path of paths) {
    try {
      writeFileSync(`${path}.repair.tmp`, 'notes of somebody', { flag: 'wx' });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
}

/** Another user has made a file of the name that the next journal is written under first; or has led it elsewhere. */
export function plantedTemporary({ place, paths, random }) {
  for (const path of paths) {
    try {
      const planted = `${dirname(path)}/.repair-${statSync(path).ino.toString(16)}.tmp`;
      // The failing filesystem has no links of this kind.
      if (place.kind !== 'fuse' && random.chance(0.5)) symlinkSync(path, planted);
      else writeFileSync(planted, 'notes of another user', { flag: 'wx' });
      lchownSync(planted, STRANGER, STRANGER);
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
    }
  }
}

/** A user who may only read the file locks what repairs lock, for a while. Nothing fails of it. */
export async function readersLock({ paths, random }) {
  for (const path of paths) {
    const reader = await lockAsReader(path, { repairsOnly: true });
    if (reader === undefined) continue;
    await sleep(random.below(200));
    await reader.release();
    return;
  }
}

/** Cuts the file off under everybody's mappings, and makes it as long as before: zeros follow. */
export async function truncate({ paths, random, pages, tell }) {
  const from = random.below(pages);
  const cut = Array.from({ length: pages - from }, (_, i) => from + i);
  await excusing(
    tell,
    [
      'ERR_PMEM_TRUNCATED',
      'ERR_PMEM_TOO_SMALL',
      'ERR_PMEM_LOCKED',
      'ERR_PMEM_IO',
      'ERR_PMEM_JOURNAL',
      'ERR_PMEM_REPAIR_FAILED',
    ],
    async () => {
      for (const page of cut) tell('try', page, 0);
      for (const path of paths) {
        try {
          truncateSync(path, from * PAGE);
          await sleep(random.below(20));
          truncateSync(path, pages * PAGE);
          break;
        } catch (error) {
          if (error.code !== 'ENOENT') throw error;
        }
      }
      // What was lost may stay lost, and what a file of another name has, it has still.
      for (const page of cut) tell('done', page, 0, LOST);
      await sleep(20);
    },
  );
}

/** Pages that the medium of the FUSE filesystem cannot give back, until they are written wholly. */
export async function badPages({ place, paths, random, pages, tell }) {
  for (let left = 1 + random.below(3); left > 0; left--) {
    const page = random.below(pages);
    tell('lose', page);
    for (const path of paths)
      await place.makeBad(path, page).catch((error) => {
        if (error.code !== 'ENOENT') throw error;
      });
    // It came to pass somewhere between the two.
    tell('lose', page);
  }
}

/** Requests fail for a while with an errno that is not the medium's, or, with EIO, was not its last word. */
export async function transientErrors({ place, random, tell }) {
  await excusing(tell, IO_CODES, async () => {
    const request = random.pick([
      'read',
      'write',
      'fsync',
      'setxattr',
      'getxattr',
      'create',
      'rename',
      'open',
      'unlink',
      'getattr',
    ]);
    const errno = random.pick(Object.values(TRANSIENT));
    tell('note', 'fuse', request, errno);
    // The kernel tells each open file once of a page that could not be written back, whenever it asks next.
    if (request === 'write' || request === 'fsync') tell('excuse', WRITE_BACK_CODES.join(','));
    await place.command('fail', request, errno, 1 + random.below(20));
    await sleep(20 + random.below(60));
    await place.command('calm');
    // Errors of what was written back meanwhile are reported once more, to each descriptor.
    await sleep(60);
  });
}

/** A server that takes its time. */
export async function slowness({ place, random }) {
  await place.command('slow', random.pick(['read', 'write', 'fsync']), 5 + random.below(40), 1 + random.below(5));
}

/** Not a byte is left on the filesystem for a while. */
export async function fullDisk({ place, random, tell }) {
  await excusing(tell, SPACE_CODES, async () => {
    place.fill();
    await sleep(50 + random.below(150));
    place.unfill();
    await sleep(30);
  });
}
