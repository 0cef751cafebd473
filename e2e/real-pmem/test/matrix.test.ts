import { describe, expect, it } from 'vitest';
import { cellName, planCells, type Selection } from '../src/host/matrix.js';

function cells(selection: Partial<Selection>): string[] {
  return planCells({ kernels: [], devices: [], filesystems: [], ...selection }).map(cellName);
}

describe('matrix', () => {
  it('is 6.1 and 6.12 clearable and 6.12 unclearable, on both filesystems', () => {
    expect(cells({})).toEqual([
      '6.1-ext4-clearable', '6.1-xfs-clearable', '6.12-ext4-clearable', '6.12-xfs-clearable', '6.12-ext4-unclearable', '6.12-xfs-unclearable',
    ]);
  });

  it('narrows to a filesystem, a device, a kernel', () => {
    expect(cells({ filesystems: ['xfs'] })).toEqual(['6.1-xfs-clearable', '6.12-xfs-clearable', '6.12-xfs-unclearable']);
    expect(cells({ devices: ['unclearable'] })).toEqual([
      '6.1-ext4-unclearable', '6.1-xfs-unclearable', '6.12-ext4-unclearable', '6.12-xfs-unclearable',
    ]);
    expect(cells({ kernels: ['6.12'], filesystems: ['ext4'] })).toEqual(['6.12-ext4-clearable', '6.12-ext4-unclearable']);
  });

  it('runs the kernel that is built here on both devices', () => {
    expect(cells({ kernels: ['zeroinit'], filesystems: ['ext4'] })).toEqual(['zeroinit-ext4-clearable', 'zeroinit-ext4-unclearable']);
  });

  it('runs a kernel it does not know on the clearable device, and nothing twice', () => {
    expect(cells({ kernels: ['5.10', '5.10'] })).toEqual(['5.10-ext4-clearable', '5.10-xfs-clearable']);
  });
});
