/** Files that are mapped page by page: what the kernel says of every mapping of them in /proc/self/smaps. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { nativeDriver } from '../src/index.js';
import { openScratch, PAGE, scratchFolder } from './scratch.js';

const MIB = 1024 * 1024;
const create = { driver: nativeDriver(), create: true, size: 4 * MIB } as const;

/** For each mapping of the file its bytes, and whether huge pages are ruled out (`nh` of VmFlags, proc_pid_smaps(5)). */
function mappingsOf(file: string): { readonly bytes: number; readonly avoids: boolean }[] {
  const found: { bytes: number; avoids: boolean }[] = [];
  let bytes: number | undefined;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) \S{4} /.exec(line);
    if (head !== null) bytes = line.endsWith(` ${file}`) ? Number.parseInt(head[2] as string, 16) - Number.parseInt(head[1] as string, 16) : undefined;
    if (bytes !== undefined && line.startsWith('VmFlags:')) found.push({ bytes, avoids: line.split(/\s+/).includes('nh') });
  }
  return found;
}

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  it('avoid: the mapping, that of a view, and that after resize() are page by page', async () => {
    const name = path.join(scratchFolder(where), 'file');
    const file = await PmemFile.open(name, { ...create, hugePages: 'avoid' });
    expect([file.info().hugePages, mappingsOf(name)]).toEqual(['avoid', [{ bytes: 4 * MIB, avoids: true }]]);
    file.view({ offset: PAGE, length: 3 * MIB });
    expect(mappingsOf(name).map(({ avoids }) => avoids)).toEqual([true, true]);
    await file.resize(6 * MIB);
    expect(mappingsOf(name)).toContainEqual({ bytes: 6 * MIB, avoids: true });
    expect(mappingsOf(name).every(({ avoids }) => avoids)).toBe(true);
    await file.close();
  });

  it('avoid: pages that are mapped again become part of the same mapping', async () => {
    const name = path.join(scratchFolder(where), 'file');
    const file = await openScratch(name, { sizeBytes: 4 * MIB });
    expect(mappingsOf(name)).toEqual([{ bytes: 4 * MIB, avoids: false }]);
    expect(file.avoidHugePages?.()).toBeUndefined();
    expect(file.remap(2 * MIB, MIB)).toBeUndefined();
    expect(mappingsOf(name)).toEqual([{ bytes: 4 * MIB, avoids: true }]);
  });

  it('allow: the kernel decides, which is the default without DAX', async () => {
    const name = path.join(scratchFolder(where), 'file');
    for (const hugePages of ['allow', undefined] as const) {
      const file = await PmemFile.open(name, { ...create, ...(hugePages === undefined ? {} : { hugePages }) });
      expect([file.info().dax, file.info().hugePages, mappingsOf(name)]).toEqual([false, 'allow', [{ bytes: 4 * MIB, avoids: false }]]);
      await file.close();
    }
  });
});

it('an empty file has no pages to avoid, and is mapped page by page once it has some', async () => {
  const name = path.join(scratchFolder(), 'file');
  const file = await PmemFile.open(name, { driver: create.driver, create: true, hugePages: 'avoid' });
  expect(file.info().hugePages).toBe('avoid');
  await file.resize(4 * MIB);
  expect(mappingsOf(name)).toEqual([{ bytes: 4 * MIB, avoids: true }]);
  await file.close();
});
