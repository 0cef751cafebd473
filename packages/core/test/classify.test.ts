import { describe, expect, it } from 'vitest';
import { classifyFault } from '../src/classify.js';
import { Errno } from '../src/index.js';
import type { Probe } from '../src/index.js';
import { healthyProbe, scriptedFile } from './scripted-file.js';

const fault = { position: 20_480, signalCode: 2, granuleLog2: 0 };

function classifyWith(probe: Partial<Probe>, operation: 'read' | 'write' = 'read'): string {
  const file = scriptedFile({ probe: () => ({ ...healthyProbe, ...probe }) });
  return classifyFault(file, operation, fault).kind;
}

describe('classifyFault', () => {
  it.each([4, 5])('believes signal code %i without touching the page again', (signalCode) => {
    expect(classifyFault(scriptedFile({}), 'read', { ...fault, signalCode }).kind).toBe('media');
  });

  it('probes the page that faulted, no further than the mapping', () => {
    const asked: number[][] = [];
    const file = scriptedFile({
      mappedBytes: 20_500,
      probe: (position, length) => {
        asked.push([position, length]);
        return healthyProbe;
      },
    });
    classifyFault(file, 'read', { ...fault, position: 20_499 });
    expect(asked).toEqual([[20_480, 20]]);
  });

  it('knows a page past the end of the file', () => {
    expect(classifyWith({ fileSizeBytes: 20_480 })).toBe('truncated');
    expect(classifyWith({ fileSizeBytes: 20_481 })).toBe('media');
  });

  it.each([Errno.EIO, Errno.EFAULT, Errno.EHWPOISON])('takes a pread that fails with %i for a media error', (errno) => {
    expect(classifyWith({ readErrno: errno })).toBe('media');
  });

  it('knows a hole on a full filesystem, by load and by store', () => {
    expect(classifyWith({ hole: true, freeBytes: 0 })).toBe('no-space');
    expect(classifyWith({ hole: true, freeBytes: 4095 }, 'write')).toBe('no-space');
  });

  it('does not blame space while there is some, nor where a load met allocated bytes', () => {
    expect(classifyWith({ hole: true, freeBytes: 4096 })).toBe('media');
    expect(classifyWith({ hole: false, freeBytes: 0 })).toBe('media');
  });

  it('does not take silence for a size of 0 or a full filesystem', () => {
    const failure = { errno: Errno.EIO, syscall: 'fstat' };
    const verdict = classifyFault(scriptedFile({ probe: () => ({ failure }) }), 'write', fault);
    expect(verdict).toEqual({ kind: 'io', fileSizeBytes: undefined, failure });
  });

  it('a media errno outweighs a full filesystem, and truncation outweighs both', () => {
    expect(classifyWith({ readErrno: Errno.EIO, hole: true, freeBytes: 0 })).toBe('media');
    expect(classifyWith({ readErrno: Errno.EIO, freeBytes: 0, fileSizeBytes: 0 })).toBe('truncated');
  });
});
