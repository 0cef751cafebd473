/** Which way a unit goes through a repair, and what it leaves behind on the way. */
import { describe, expect, it } from 'vitest';
import { RepairUnit } from '../src/repair/repair-unit.js';
import { Errno } from '../src/index.js';

const range = { offset: 4096, length: 4096 };
const content = new Uint8Array(4096).fill(7);

function unitOf(given: { holdsOthers?: boolean; isHalfDone?: boolean; suppliable?: boolean } = {}): RepairUnit {
  const { holdsOthers = false, isHalfDone = false, suppliable = false } = given;
  const asked = { shared: false, listed: true, mayBeHuge: false, readErrno: Errno.EIO, holdsOthers };
  const found = { unit: range, data: range, content, lost: [range], ...asked };
  return new RepairUnit(found, { rebuilt: [range], filled: [], tombstoned: [], suppliable }, isHalfDone);
}

describe('a unit under repair', () => {
  it('is repaired once what was written has been read back', () => {
    const unit = unitOf();
    expect(unit.state).toBe('untouched');
    unit.begin('recovery-write');
    unit.altered();
    expect(unit.state).toBe('half-done');
    unit.verified();
    expect([unit.state, unit.strategy, unit.attempts]).toEqual(['repaired', 'recovery-write', []]);
  });

  it('that a write has reached stays half done when the strategy fails, and another may be tried', () => {
    const unit = unitOf();
    unit.begin('zero-range');
    unit.altered();
    unit.failed({ step: 'pwrite', errno: Errno.EIO });
    expect([unit.state, unit.strategy]).toEqual(['half-done', undefined]);
    expect(unit.attempts).toEqual([{ range, strategy: 'zero-range', step: 'pwrite', errno: Errno.EIO }]);
    unit.begin('recovery-write');
    unit.verified();
    expect([unit.state, unit.strategy, unit.attempts.length]).toEqual(['repaired', 'recovery-write', 1]);
  });

  it('that refuses a write before anything has reached it is untouched', () => {
    const unit = unitOf();
    unit.begin('recovery-write');
    unit.failed({ step: 'pwrite', errno: Errno.EIO });
    expect(unit.state).toBe('untouched');
  });

  it('begins half done if an earlier repair left it so, and with others in it if they have stored there', () => {
    expect(unitOf({ isHalfDone: true }).state).toBe('half-done');
    expect(unitOf({ holdsOthers: true }).state).toBe('holds-others');
  });

  it('that holds neither what was written nor zeros is left to those who stored there', () => {
    const unit = unitOf();
    unit.begin('recovery-write');
    unit.altered();
    unit.failed({ step: 'verify', errno: 0 });
    unit.foundOthers();
    unit.altered();
    expect(unit.state).toBe('holds-others');
  });

  it('has an intent with its content, or a bare one if the application can supply it again', () => {
    expect(unitOf().intent(8192)).toEqual({ ...range, content, fileSizeBytes: 8192 });
    expect(unitOf({ suppliable: true }).intent(8192)).toEqual({ ...range, content: undefined, fileSizeBytes: 8192 });
  });
});
