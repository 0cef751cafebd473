import { describe, expect, it } from 'vitest';
import type { FileBadBlock } from '../src/rescue/bad-blocks.js';
import { Errno } from '../src/index.js';
import { stockZeroRange } from '../src/opening/file-info.js';
import { failureOf } from '../src/repair/failure.js';
import { RepairUnit } from '../src/repair/repair-unit.js';
import { facts } from './scripted-file.js';

const range = { offset: 20_480, length: 4096 };
const block: FileBadBlock = { ...range, physicalOffset: 1 << 20, unwritten: false, shared: false, mayBeHuge: true };

function refused(errno: number): RepairUnit {
  const asked = { shared: false, listed: true, mayBeHuge: true, readErrno: errno, holdsOthers: false };
  const found = { unit: range, data: range, content: new Uint8Array(4096), lost: [range], ...asked };
  const unit = new RepairUnit(found, { rebuilt: [], filled: [], tombstoned: [range], suppliable: false }, false);
  unit.begin('recovery-write');
  unit.failed({ step: 'pwrite', errno });
  return unit;
}

function failure(errno: number, before: readonly FileBadBlock[], after: readonly FileBadBlock[], filesystem = 'ext4') {
  const request = { strategy: 'auto', allowRelocation: false } as const;
  const changed = { ...facts, filesystem };
  const ground = { facts: changed, zeroRange: stockZeroRange(changed) };
  return failureOf(ground, [refused(errno)], request, { units: [] }, { before, after });
}

describe('a write that the kernel refuses with EFAULT', () => {
  it('the list does not have the page: root may enter it', () => {
    const { code, message, ranges } = failure(Errno.EFAULT, [], []);
    expect([code, ranges]).toEqual(['ERR_PMEM_HELD_BACK', [range]]);
    expect(message).toContain('does not have them: let root enter their sectors into /sys/dev/block/259:0/badblocks,');
    expect(failure(Errno.EFAULT, [], [], 'xfs').message).toContain(': repair with allowRelocation, or let root');
  });

  it('the write struck the page from the list: entering it once more would do the same', () => {
    const { code, message } = failure(Errno.EFAULT, [block], []);
    expect(code).toBe('ERR_PMEM_HELD_BACK');
    expect(message).toContain('the refused write struck them from its bad-block list: restart the machine');
  });

  it('the list still has it: the device cannot clear', () => {
    expect(failure(Errno.EFAULT, [block], [block]).code).toBe('ERR_PMEM_REPAIR_FAILED');
  });

  it('another errno is no page held back', () => {
    expect(failure(Errno.EIO, [], []).code).toBe('ERR_PMEM_REPAIR_FAILED');
  });
});
