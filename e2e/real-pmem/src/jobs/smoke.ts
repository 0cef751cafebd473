/**
 * Proves the guest before anything is believed of it, with the host's own programs and plain file calls: DAX and
 * MAP_SYNC are there, one poisoned sector takes exactly its page away, and a whole-page write brings it back where the
 * kernel and the device can do that.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { kernelPageBytes } from '../page-bytes.js';
import { InjectorClient } from './injector-client.js';
import { jobContext, report } from './job-io.js';
import { kernelAbilities } from './kernel-abilities.js';

export interface SmokeResult {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

const pageBytes = kernelPageBytes();
const pages = 16;
const poisonedPage = 5;
const context = jobContext();
const file = path.join(context.mountPoint, 'smoke');

function expect(check: string, actual: string, expected: string): void {
  const result: SmokeResult = { check, ok: actual === expected, detail: actual === expected ? actual : `${actual}, expected ${expected}` };
  report(result);
}

function xfsIo(...commands: string[]): string {
  const args = commands.flatMap((command) => ['-c', command]);
  const done = spawnSync('xfs_io', [...args, file], { encoding: 'utf8' });
  return done.stdout + done.stderr;
}

function attempt(body: () => number): string {
  try {
    return `${body()} bytes`;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code ?? String(cause);
  }
}

/** What a read of every page gives: `o` for its content, `E` for EIO. */
function pageMap(descriptor: number): string {
  const page = Buffer.alloc(pageBytes);
  return Array.from({ length: pages }, (_, index) => {
    const outcome = attempt(() => readSync(descriptor, page, 0, pageBytes, index * pageBytes));
    if (outcome === 'EIO') return 'E';
    return outcome === `${pageBytes} bytes` && page.every((byte) => byte === index + 1) ? 'o' : '?';
  }).join('');
}

/** The device sector that holds a page of the file, by FIEMAP. xfs_io prints extents in sectors. */
function sectorOf(page: number): number {
  for (const [, first, last, start] of xfsIo('fiemap').matchAll(/\[(\d+)\.\.(\d+)\]: (\d+)\.\.\d+/g)) {
    const wanted = page * (pageBytes / 512);
    if (Number(first) <= wanted && wanted <= Number(last)) return Number(start) + wanted - Number(first);
  }
  throw new Error(`FIEMAP shows no extent for page ${page}`);
}

expect('user', `${process.getuid?.() ?? -1}`, '65534');
const descriptor = openSync(file, 'w+');
for (let index = 0; index < pages; index++) writeSync(descriptor, Buffer.alloc(pageBytes, index + 1), 0, pageBytes, index * pageBytes);
fdatasyncSync(descriptor);

const attributes = /stat\.attributes = (0x[0-9a-f]+)/.exec(xfsIo('statx -r'))?.[1] ?? '0';
// STATX_ATTR_DAX
expect('statx says DAX', String((BigInt(attributes) & 0x200000n) !== 0n), 'true');
expect('MAP_SYNC mapping', xfsIo(`mmap -rwS 0 ${pages * pageBytes}`, `mread -v ${poisonedPage * pageBytes} 16`).trim().split(/\s+/)[1] ?? 'refused', '06');

const injector = await InjectorClient.connect(context.injector);
expect('before poison', pageMap(descriptor), 'o'.repeat(pages));
await injector.inject(sectorOf(poisonedPage) + 3, 1);
expect('one poisoned sector', pageMap(descriptor), 'oooooEoooooooooo');

const before = sectorOf(poisonedPage);
const repaired = attempt(() => writeSync(descriptor, Buffer.alloc(pageBytes, poisonedPage + 1), 0, pageBytes, poisonedPage * pageBytes));
const { recoveryWrite } = kernelAbilities(context);
// The errno of a refusal has changed with the recovery write itself: EIO before Linux 5.19, EFAULT since.
if (recoveryWrite) expect('whole-page write', repaired, `${pageBytes} bytes`);
else expect('whole-page write is refused', String(['EIO', 'EFAULT'].includes(repaired)), 'true');
expect('after the write', pageMap(descriptor), recoveryWrite ? 'o'.repeat(pages) : 'oooooEoooooooooo');
expect('the block stayed', String(sectorOf(poisonedPage) === before), 'true');
closeSync(descriptor);
injector.close();
