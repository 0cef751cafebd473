import { describe, expect, it } from 'vitest';
import type { FileFacts, RepairAttempt } from '../src/index.js';
import { Errno } from '../src/index.js';
import { nextStrategy } from '../src/repair/strategy.js';
import { facts } from './scripted-file.js';

const cannotClear = { provider: 'ACPI.NFIT', commands: ['smart', 'cap'] };
const range = { offset: 0, length: 4096 };

interface Unit {
  readonly shared?: boolean;
  readonly readErrno?: number;
  readonly allowRelocation?: boolean;
}

/** All strategies that auto would try, each refused with `errno`. */
function ladder(changed: Partial<FileFacts>, errno: number, unit: Unit = {}): string[] {
  const { shared = false, readErrno = Errno.EIO, allowRelocation = false } = unit;
  const attempts: RepairAttempt[] = [];
  for (;;) {
    const next = nextStrategy({ ...facts, ...changed }, { strategy: 'auto', allowRelocation }, { shared, attempts, readErrno });
    if (next === undefined) return attempts.map((attempt) => attempt.strategy);
    attempts.push({ range, strategy: next, step: 'pwrite', errno });
  }
}

const before519 = { kernelRelease: '5.10.0-33-amd64' };

describe('the order of repair strategies', () => {
  it.each(['ext4', 'xfs'])('%s from 5.19 on: the whole-page write, whose refusal changes nothing, and no zero-range after it', (filesystem) => {
    expect(ladder({ filesystem }, Errno.EIO)).toEqual(['recovery-write']);
    expect(ladder({ filesystem, bus: { provider: 'ACPI.NFIT', commands: ['clear_error'] } }, Errno.EIO)).toEqual(['recovery-write']);
  });

  it('ext4 before 5.19: zero-range stays in place, so it is first', () => {
    expect(ladder(before519, Errno.EIO)).toEqual(['zero-range', 'recovery-write']);
  });

  it('ext4 that cannot clear: never a zero-range, which would leave zeros that no write can replace', () => {
    for (const kernel of [{}, before519]) {
      expect(ladder({ ...kernel, bus: cannotClear }, Errno.EFAULT)).toEqual(['recovery-write']);
      expect(ladder({ ...kernel, bus: undefined }, Errno.EFAULT)).toEqual(['recovery-write']);
    }
  });

  it('xfs: no relocation follows a refusal', () => {
    expect(ladder({ filesystem: 'xfs' }, Errno.EFAULT)).toEqual(['recovery-write']);
    expect(ladder({ filesystem: 'xfs', bus: cannotClear }, Errno.EFAULT, { allowRelocation: true })).toEqual(['recovery-write']);
  });

  it('xfs, reflinked page: the refusal is one that relocation cures', () => {
    expect(ladder({ filesystem: 'xfs' }, Errno.EIO, { shared: true })).toEqual(['recovery-write', 'zero-range']);
  });

  it('xfs before 5.19: relocation only if the caller allows it', () => {
    const old = { ...before519, filesystem: 'xfs' };
    expect(ladder(old, Errno.EIO)).toEqual(['recovery-write']);
    expect(ladder(old, Errno.EIO, { allowRelocation: true })).toEqual(['recovery-write', 'zero-range']);
  });

  it('a strategy asked for by name is the only one', () => {
    const request = { strategy: 'recovery-write', allowRelocation: false } as const;
    const unit = { shared: false, readErrno: Errno.EIO };
    expect(nextStrategy(facts, request, { ...unit, attempts: [] })).toBe('recovery-write');
    const failed = { range, strategy: 'recovery-write', step: 'pwrite', errno: Errno.EIO } as const;
    expect(nextStrategy(facts, request, { ...unit, shared: true, attempts: [failed] })).toBeUndefined();
  });
});

describe('a page that the kernel holds back after a machine check', () => {
  it.each([Errno.EFAULT, Errno.EHWPOISON])('errno %i: ext4 never gets a zero-range, not even by name', (readErrno) => {
    expect(ladder({}, Errno.EFAULT, { readErrno, allowRelocation: true })).toEqual(['recovery-write']);
    for (const allowRelocation of [false, true]) {
      const request = { strategy: 'zero-range', allowRelocation } as const;
      expect(nextStrategy(facts, request, { shared: false, attempts: [], readErrno })).toBeUndefined();
    }
  });

  it('xfs moves off it if the caller allows that, after the write that changes nothing', () => {
    const xfs = { filesystem: 'xfs' };
    expect(ladder(xfs, Errno.EFAULT, { readErrno: Errno.EFAULT })).toEqual(['recovery-write']);
    expect(ladder(xfs, Errno.EFAULT, { readErrno: Errno.EFAULT, allowRelocation: true })).toEqual(['recovery-write', 'zero-range']);
  });

  it('a listed block, whose read says EIO, may be reset by name', () => {
    const request = { strategy: 'zero-range', allowRelocation: false } as const;
    expect(nextStrategy(facts, request, { shared: false, attempts: [], readErrno: Errno.EIO })).toBe('zero-range');
  });
});
