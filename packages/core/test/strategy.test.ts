import { describe, expect, it } from 'vitest';
import type { FileFacts, RepairAttempt } from '../src/index.js';
import { Errno } from '../src/index.js';
import { stockZeroRange, type ZeroRangeBehaviour } from '../src/opening/file-info.js';
import { nextStrategy, type RepairGround } from '../src/repair/strategy.js';
import { facts } from './scripted-file.js';

const cannotClear = { provider: 'ACPI.NFIT', commands: ['smart', 'cap'] };
const range = { offset: 0, length: 4096 };

interface Unit {
  readonly shared?: boolean;
  readonly readErrno?: number;
  readonly listed?: boolean;
  readonly mayBeHuge?: boolean;
  readonly allowRelocation?: boolean;
  /** Default: what stock kernels do. */
  readonly zeroRange?: ZeroRangeBehaviour;
}

const plain = { shared: false, listed: true, mayBeHuge: false };

function groundOf(changed: Partial<FileFacts>, zeroRange?: ZeroRangeBehaviour): RepairGround {
  const all = { ...facts, ...changed };
  return { facts: all, zeroRange: zeroRange ?? stockZeroRange(all) };
}

/** All strategies that auto would try, each refused with `errno`. */
function ladder(changed: Partial<FileFacts>, errno: number, unit: Unit = {}): string[] {
  const { readErrno = Errno.EIO, allowRelocation = false, zeroRange, ...given } = unit;
  const attempts: RepairAttempt[] = [];
  for (;;) {
    const request = { strategy: 'auto', allowRelocation } as const;
    const next = nextStrategy(groundOf(changed, zeroRange), request, { ...plain, ...given, attempts, readErrno });
    if (next === undefined) return attempts.map((attempt) => attempt.strategy);
    attempts.push({ range, strategy: next, step: 'pwrite', errno });
  }
}

/** What is tried of a strategy that the caller names. */
function byName(changed: Partial<FileFacts>, unit: Unit): string | undefined {
  const { readErrno = Errno.EIO, allowRelocation = false, zeroRange, ...given } = unit;
  const request = { strategy: 'zero-range', allowRelocation } as const;
  return nextStrategy(groundOf(changed, zeroRange), request, { ...plain, ...given, attempts: [], readErrno });
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

  it('xfs, a page that is not shared and yet refused as if it were: relocation, if the caller allows it', () => {
    const xfs = ladder({ filesystem: 'xfs' }, Errno.EIO, { allowRelocation: true });
    expect(xfs).toEqual(['recovery-write', 'zero-range']);
    expect(ladder({ filesystem: 'ext4' }, Errno.EIO, { allowRelocation: true })).toEqual(['recovery-write']);
    expect(ladder({ filesystem: 'xfs', dax: false }, Errno.EIO, { allowRelocation: true })).toEqual(['recovery-write']);
  });

  it('xfs before 5.19: relocation only if the caller allows it', () => {
    const old = { ...before519, filesystem: 'xfs' };
    expect(ladder(old, Errno.EIO)).toEqual(['recovery-write']);
    expect(ladder(old, Errno.EIO, { allowRelocation: true })).toEqual(['recovery-write', 'zero-range']);
  });

  it.each(['ext4', 'xfs'])('%s whose zero-range was seen to clear at once: it comes first for listed pages', (filesystem) => {
    const seen = { zeroRange: 'clears-in-place' } as const;
    const write = ['recovery-write'];
    expect(ladder({ filesystem }, Errno.EIO, seen)).toEqual(['zero-range', 'recovery-write']);
    expect(ladder({ filesystem }, Errno.EIO, { ...seen, shared: true })).toEqual(['zero-range', 'recovery-write']);
    expect(ladder({ filesystem }, Errno.EIO, { ...seen, mayBeHuge: true })).toEqual(write);
    for (const kernel of [{ filesystem }, { ...before519, filesystem }]) {
      expect(ladder(kernel, Errno.EIO, { ...seen, listed: false })).toEqual(write);
      expect(ladder(kernel, Errno.EFAULT, { ...seen, readErrno: Errno.EFAULT, allowRelocation: true })).toEqual(write);
    }
  });

  it('a strategy asked for by name is the only one', () => {
    const request = { strategy: 'recovery-write', allowRelocation: false } as const;
    const unit = { ...plain, readErrno: Errno.EIO };
    expect(nextStrategy(groundOf({}), request, { ...unit, attempts: [] })).toBe('recovery-write');
    const failed = { range, strategy: 'recovery-write', step: 'pwrite', errno: Errno.EIO } as const;
    expect(nextStrategy(groundOf({}), request, { ...unit, shared: true, attempts: [failed] })).toBeUndefined();
  });
});

describe('a page that the kernel holds back after a machine check', () => {
  it.each([Errno.EFAULT, Errno.EHWPOISON])('errno %i: ext4 never gets a zero-range, not even by name', (readErrno) => {
    expect(ladder({}, Errno.EFAULT, { readErrno, allowRelocation: true })).toEqual(['recovery-write']);
    for (const allowRelocation of [false, true]) {
      const request = { strategy: 'zero-range', allowRelocation } as const;
      expect(nextStrategy(groundOf({}), request, { ...plain, attempts: [], readErrno })).toBeUndefined();
    }
  });

  it('xfs moves off it if the caller allows that, after the write that changes nothing', () => {
    const xfs = { filesystem: 'xfs' };
    expect(ladder(xfs, Errno.EFAULT, { readErrno: Errno.EFAULT })).toEqual(['recovery-write']);
    expect(ladder(xfs, Errno.EFAULT, { readErrno: Errno.EFAULT, allowRelocation: true })).toEqual(['recovery-write', 'zero-range']);
  });

  it('xfs by name: only if the caller allows that its page goes to free space', () => {
    const xfs = { filesystem: 'xfs' };
    expect(byName(xfs, { readErrno: Errno.EFAULT })).toBeUndefined();
    expect(byName(xfs, { readErrno: Errno.EFAULT, allowRelocation: true })).toBe('zero-range');
  });

  it('a kernel before 5.19 by its version: the same, since vendors change old kernels', () => {
    expect(ladder(before519, Errno.EFAULT, { readErrno: Errno.EFAULT })).toEqual(['recovery-write']);
    expect(byName(before519, { readErrno: Errno.EFAULT })).toBeUndefined();
  });
});

describe('zero-range by name, on ext4', () => {
  it('a listed block, whose read says EIO, may be reset', () => {
    expect(byName({}, {})).toBe('zero-range');
  });

  it('a block that a mapping of 2 MiB may have met: from 5.19 on never', () => {
    expect(byName({}, { mayBeHuge: true })).toBeUndefined();
    expect(byName(before519, { mayBeHuge: true })).toBe('zero-range');
    expect(byName({ filesystem: 'xfs' }, { mayBeHuge: true })).toBe('zero-range');
  });

  it('a page that cannot be read and is on no list: from 5.19 on never', () => {
    expect(byName({}, { listed: false })).toBeUndefined();
    expect(byName(before519, { listed: false })).toBe('zero-range');
  });

  it('a page that can be read may be reset, listed or not, and one without DAX', () => {
    expect(byName({}, { listed: false, readErrno: 0 })).toBe('zero-range');
    expect(byName({ dax: false }, { listed: false, mayBeHuge: true })).toBe('zero-range');
  });
});
