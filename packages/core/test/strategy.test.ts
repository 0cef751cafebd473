import { describe, expect, it } from 'vitest';
import type { FileFacts, RepairAttempt } from '../src/index.js';
import { Errno } from '../src/index.js';
import { nextStrategy } from '../src/repair/strategy.js';
import { facts } from './scripted-file.js';

const cannotClear = { provider: 'ACPI.NFIT', commands: ['smart', 'cap'] };
const range = { offset: 0, length: 4096 };

/** All strategies that auto would try, each refused with `errno`. */
function ladder(changed: Partial<FileFacts>, errno: number, shared = false, allowRelocation = false): string[] {
  const attempts: RepairAttempt[] = [];
  for (;;) {
    const next = nextStrategy({ ...facts, ...changed }, { strategy: 'auto', allowRelocation }, shared, attempts);
    if (next === undefined) return attempts.map((attempt) => attempt.strategy);
    attempts.push({ range, strategy: next, step: 'pwrite', errno });
  }
}

describe('the order of repair strategies', () => {
  it('ext4 that can clear: zero-range stays in place, so it is first', () => {
    expect(ladder({}, Errno.EIO)).toEqual(['zero-range', 'recovery-write']);
    expect(ladder({ bus: { provider: 'ACPI.NFIT', commands: ['clear_error'] } }, Errno.EIO)[0]).toBe('zero-range');
  });

  it('ext4 that cannot clear: never a zero-range, which would leave zeros that no write can replace', () => {
    expect(ladder({ bus: cannotClear }, Errno.EFAULT)).toEqual(['recovery-write']);
    expect(ladder({ bus: undefined }, Errno.EFAULT)).toEqual(['recovery-write']);
  });

  it('xfs: the write in place is first, and no relocation follows a refusal', () => {
    expect(ladder({ filesystem: 'xfs' }, Errno.EFAULT)).toEqual(['recovery-write']);
    expect(ladder({ filesystem: 'xfs', bus: cannotClear }, Errno.EFAULT, false, true)).toEqual(['recovery-write']);
  });

  it('xfs, reflinked page: the refusal is one that relocation cures', () => {
    expect(ladder({ filesystem: 'xfs' }, Errno.EIO, true)).toEqual(['recovery-write', 'zero-range']);
    expect(ladder({ filesystem: 'xfs' }, Errno.EIO, false)).toEqual(['recovery-write']);
  });

  it('xfs before 5.19: relocation only where the caller allows it', () => {
    const old = { filesystem: 'xfs', kernelRelease: '5.10.0-33-amd64' };
    expect(ladder(old, Errno.EIO)).toEqual(['recovery-write']);
    expect(ladder(old, Errno.EIO, false, true)).toEqual(['recovery-write', 'zero-range']);
  });

  it('a strategy asked for by name is the only one', () => {
    const request = { strategy: 'recovery-write', allowRelocation: false } as const;
    expect(nextStrategy(facts, request, false, [])).toBe('recovery-write');
    const failed = { range, strategy: 'recovery-write', step: 'pwrite', errno: Errno.EIO } as const;
    expect(nextStrategy(facts, request, true, [failed])).toBeUndefined();
  });
});
