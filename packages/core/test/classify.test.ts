import { describe, expect, it } from 'vitest';
import { classifyFault, classifyPage, isHealthyPage, isMediaErrno } from '../src/faults/classify.js';
import { Errno } from '../src/index.js';
import type { CaughtFault, CompleteFile, Probe, ProbeOutcome } from '../src/index.js';
import { facts, healthyProbe, scriptedFile } from './scripted-file.js';

const fault: CaughtFault = { position: 20_480, signalCode: 2, granuleLog2: 0 };

/** Verdict of a fault that every repetition meets again, by what the file answers. */
function lasting(probe: Partial<Probe>, operation: 'read' | 'write' = 'read'): string {
  const file = scriptedFile({ probe: () => ({ ...healthyProbe, ...probe }) });
  return classifyFault(file, operation, fault, () => fault)?.kind ?? 'passed';
}

describe('a media error is what the kernel calls one', () => {
  it.each([4, 5])('signal code %i is believed, and the page is not asked: that could consume the poison again', (signalCode) => {
    expect(classifyFault(scriptedFile({}), 'read', { ...fault, signalCode })?.kind).toBe('media');
  });

  it.each(['EIO', 'EFAULT', 'EHWPOISON'] as const)('%s of a read of that page', (name) => {
    expect(lasting({ readErrno: Errno[name] })).toBe('media');
    expect(lasting({ readErrno: Errno[name] }, 'write')).toBe('media');
  });

  it('outweighs a full filesystem, and truncation outweighs both', () => {
    expect(lasting({ readErrno: Errno.EIO, hole: true, freeBytes: 0 })).toBe('media');
    expect(lasting({ readErrno: Errno.EIO, freeBytes: 0, fileSizeBytes: 0 })).toBe('truncated');
  });

  it('a machine check that the repeated access meets', () => {
    const file = scriptedFile({ probe: () => healthyProbe });
    expect(classifyFault(file, 'read', fault, () => ({ ...fault, signalCode: 4 }))?.kind).toBe('media');
  });

  it('asks for the page that faulted, no further than the mapping', () => {
    const asked: number[][] = [];
    const file = scriptedFile({
      mappedBytes: 20_500,
      probe: (position, length) => {
        asked.push([position, length]);
        return { ...healthyProbe, readErrno: Errno.EIO };
      },
    });
    classifyFault(file, 'read', { ...fault, position: 20_499 });
    expect(asked).toEqual([[20_480, 20]]);
  });
});

describe('what is never a media error', () => {
  it.each(['EACCES', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN', 'ENOMEM', 'EINTR', 'EAGAIN'] as const)(
    '%s from a network filesystem: once, nothing has happened; for good, it is ERR_PMEM_IO with that errno',
    (name) => {
      const answers: ProbeOutcome[] = [{ ...healthyProbe, readErrno: Errno[name] }];
      const file = scriptedFile({ probe: () => answers.shift() ?? healthyProbe });
      expect(classifyFault(file, 'read', fault, () => undefined)).toBeUndefined();
      const dead = scriptedFile({ probe: () => ({ ...healthyProbe, readErrno: Errno[name] }) });
      expect(classifyFault(dead, 'read', fault, () => fault)).toMatchObject({
        kind: 'io',
        failure: { errno: Errno[name], syscall: 'pread' },
      });
    },
  );

  it.each(['ENOSPC', 'EDQUOT'] as const)('%s is a lack of space, for a store; a load has bytes to lose, which no lack of space explains', (name) => {
    expect(lasting({ readErrno: Errno[name] }, 'write')).toBe('no-space');
    expect(lasting({ readErrno: Errno[name] })).toBe('io');
    expect(lasting({ writeErrno: Errno[name] }, 'write')).toBe('no-space');
  });

  it('a filesystem that does not answer: its silence is no size of 0, and its EIO no verdict on a block', () => {
    const failure = { errno: Errno.EIO, syscall: 'fstat' };
    const silent = scriptedFile({ probe: () => ({ failure }) });
    expect(classifyFault(silent, 'write', fault, () => fault)).toEqual({ kind: 'io', fileSizeBytes: undefined, failure });
  });

  it('a load that faults for good though pread reads the page: unexplained, with the facts', () => {
    const file = scriptedFile({ probe: () => healthyProbe });
    const verdict = classifyFault(file, 'read', fault, () => fault);
    expect(verdict?.kind).toBe('io');
    expect(verdict?.facts).toMatch(/code 2.*16 more tries.*pread reads the page well.*1048576 bytes/);
  });

  it('a fault of a view, whose load cannot be repeated, on a page that reads well', () => {
    expect(classifyFault(scriptedFile({ probe: () => healthyProbe }), 'read', fault)?.kind).toBe('io');
  });
});

describe('a store that is refused where the old bytes read well', () => {
  it('is a lack of space, however much statfs says is free: a quota, reserved blocks, copy-on-write', () => {
    expect(lasting({ freeBytes: 1 << 30 }, 'write')).toBe('no-space');
    expect(lasting({ freeBytes: 0 }, 'write')).toBe('no-space');
  });

  it.each(['EROFS', 'EIO'] as const)('but not where the filesystem takes no store of anybody: %s', (name) => {
    expect(lasting({ writeErrno: Errno[name] }, 'write')).toBe('io');
    expect(lasting({ writeErrno: Errno[name] }, 'read')).toBe('io');
  });

  it('a load of a hole is one too: tmpfs allocates on load', () => {
    expect(lasting({ hole: true, freeBytes: 1 << 30 })).toBe('no-space');
  });
});

describe('a file that another process truncates and writes', () => {
  it('has lost the page', () => {
    expect(lasting({ fileSizeBytes: 20_480 })).toBe('truncated');
    expect(lasting({ fileSizeBytes: 20_481 })).toBe('io');
  });

  it('is whole again when it is asked: the access is repeated, and nothing has happened', () => {
    const file = scriptedFile({ probe: () => healthyProbe });
    const faults = [fault, undefined];
    expect(classifyFault(file, 'read', fault, () => faults.shift())).toBeUndefined();
    expect(classifyFault(file, 'write', fault, () => undefined)).toBeUndefined();
  });

  it('is short again when it is asked after the repeated store: truncated, not full', () => {
    const sizes = [1 << 20, 4096];
    const file = scriptedFile({ probe: () => ({ ...healthyProbe, fileSizeBytes: sizes.shift() ?? 0 }) });
    expect(classifyFault(file, 'write', fault, () => fault)?.kind).toBe('truncated');
  });
});

describe('asked again later, without a load', () => {
  const verdictOf = (probe: ProbeOutcome): unknown => [
    classifyPage(scriptedFile({ probe: () => probe }), 4096)?.kind,
    isHealthyPage(scriptedFile({ probe: () => probe }), 4096),
  ];

  it('a page that reads well, or is gone, is no media error; one that cannot be asked stays what it was', () => {
    expect(verdictOf(healthyProbe)).toEqual([undefined, true]);
    expect(verdictOf({ ...healthyProbe, fileSizeBytes: 4096 })).toEqual(['truncated', true]);
    expect(verdictOf({ ...healthyProbe, readErrno: Errno.EIO })).toEqual(['media', false]);
    expect(verdictOf({ ...healthyProbe, readErrno: Errno.ESTALE })).toEqual(['io', false]);
    expect(verdictOf({ failure: { errno: Errno.EIO, syscall: 'pread' } })).toEqual(['io', false]);
  });
});

describe('a filesystem whose server or daemon answers for the medium', () => {
  const remote = (readErrno: number, counted: { asked: number } = { asked: 0 }): CompleteFile => scriptedFile({
    facts: { ...facts, remote: true, dax: false },
    probe: () => {
      counted.asked++;
      return { ...healthyProbe, readErrno };
    },
  });

  it.each(['EIO', 'EFAULT'] as const)('%s says that it is away, and is no verdict on the medium', (name) => {
    const errno = Errno[name];
    const failure = { errno, syscall: 'pread' };
    expect(isMediaErrno(errno, { remote: true })).toBe(false);
    expect(isMediaErrno(errno, {})).toBe(true);
    for (const operation of ['read', 'write'] as const) {
      expect(classifyFault(remote(errno), operation, fault, () => fault)).toMatchObject({ kind: 'io', failure });
    }
    expect(classifyPage(remote(errno), 4096)).toMatchObject({ kind: 'io', failure });
  });

  it('memory of this machine that has failed is a media error there too', () => {
    expect(classifyFault(remote(Errno.EHWPOISON), 'read', fault, () => fault)?.kind).toBe('media');
    expect(classifyFault(remote(0), 'read', { ...fault, signalCode: 4 })?.kind).toBe('media');
  });

  it('is asked twice, not seventeen times: each answer may take as long as its timeout', () => {
    const counted = { asked: 0 };
    classifyFault(remote(Errno.EIO, counted), 'read', fault, () => fault);
    expect(counted.asked).toBe(2);
  });
});
