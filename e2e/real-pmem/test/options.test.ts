import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parseOptions, UsageError } from '../src/host/options.js';

describe('command line', () => {
  it('selects every job and the default matrix when nothing is asked for', () => {
    const options = parseOptions([]);
    expect(options.jobs).toEqual(['smoke', 'contract', 'repair', 'cost', 'command', 'traces', 'fuzz']);
    expect([options.seed, options.sequences]).toEqual([1, 500]);
    expect(options.selection).toEqual({ kernels: [], devices: [], filesystems: [] });
    expect(options.parallel).toBe(Math.min(2, availableParallelism()));
    expect([options.record, options.keep, options.shell, options.list, options.refresh, options.help]).toEqual(Array(6).fill(false));
  });

  it('takes options more than once, and runs jobs in their own order', () => {
    const options = parseOptions('--kernel 6.12 --kernel 5.10 --fs xfs --device unclearable --job traces --job smoke --keep'.split(' '));
    expect(options.selection).toEqual({ kernels: ['6.12', '5.10'], devices: ['unclearable'], filesystems: ['xfs'] });
    expect(options.jobs).toEqual(['smoke', 'traces']);
    expect(options.keep).toBe(true);
  });

  it('runs on arm64 what there is for it', () => {
    const options = parseOptions(['--kernel', '6.12-arm64', '--kernel', '6.12-arm64-16k']);
    expect(options.selection.kernels).toEqual(['6.12-arm64', '6.12-arm64-16k']);
    expect(options.jobs).toEqual(['smoke', 'contract', 'signals']);
    const one = parseOptions(['--kernel', '6.12-arm64', '--job', 'signals', '--case', 'truncation']);
    expect(one.cases).toEqual(['truncation']);
  });

  it('knows the kernel that is built here by its name', () => {
    expect(parseOptions(['--kernel', 'zeroinit']).selection.kernels).toEqual(['zeroinit']);
  });

  it.each([
    [['--kernel', 'dax'], /--kernel dax: expected a series such as 6.12, or zeroinit/],
    [['--fs', 'btrfs'], /--fs btrfs: expected ext4 or xfs/],
    [['--device', 'both'], /--device both/],
    [['--kernel', '6'], /--kernel 6: expected a series/],
    [['--kernel', '6.12-arm64-64k'], /expected a series/],
    [['--kernel', '6.12-arm64', '--kernel', '6.12'], /run apart/],
    [['--kernel', '6.12-arm64', '--job', 'traces'], /--job traces: not with kernels for arm64/],
    [['--job', 'signals'], /--job signals: not with kernels for x86-64/],
    [['--kernel', '6.12.3'], /expected a series/],
    [['--job', 'all'], /--job all/],
    [['--seed', 'abc'], /--seed abc: expected a number/],
    [['--sequences', '-3'], /--sequences/],
    [['--parallel', 'all'], /--parallel/],
    [['--colour'], /--colour/],
    [['6.12'], /6\.12/],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
  });
});
