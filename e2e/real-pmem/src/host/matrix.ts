/** Which kernels, devices and filesystems a run covers. */
import type { DeviceKind, Filesystem } from '../protocol.js';

/** One start of a virtual machine. */
export interface Cell {
  readonly kernel: string;
  readonly device: DeviceKind;
  readonly filesystem: Filesystem;
}

export interface Selection {
  readonly kernels: readonly string[];
  readonly devices: readonly DeviceKind[];
  readonly filesystems: readonly Filesystem[];
}

/** The kernel with our own patches, in place of a series. It runs if it is asked for: building it takes minutes. */
export const zeroinitName = 'zeroinit';

const filesystems: readonly Filesystem[] = ['ext4', 'xfs'];
/** Devices of the default matrix. */
const devicesOf: Readonly<Record<string, readonly DeviceKind[]>> = {
  '6.1': ['clearable'],
  '6.12': ['clearable', 'unclearable'],
};

const usualDevices = (kernel: string): readonly DeviceKind[] =>
  devicesOf[kernel] ?? (kernel === zeroinitName ? ['clearable', 'unclearable'] : ['clearable']);

/**
 * The cells that a selection asks for. An empty list selects what the default matrix has; a kernel that the default
 * matrix does not know runs on both filesystems and, unless a device is named, on the clearable one (zeroinit on both).
 */
export function planCells(selection: Selection): Cell[] {
  const chosen = <T>(asked: readonly T[], usual: readonly T[]): T[] => [...new Set(asked.length > 0 ? asked : usual)];
  return chosen(selection.kernels, Object.keys(devicesOf)).flatMap((kernel) =>
    chosen<DeviceKind>(selection.devices, usualDevices(kernel)).flatMap((device) =>
      chosen(selection.filesystems, filesystems).map((filesystem) => ({ kernel, device, filesystem })),
    ),
  );
}

/** `6.12-xfs-unclearable`: the name of a cell in tables and of its trace file. */
export function cellName(cell: Cell): string {
  return `${cell.kernel}-${cell.filesystem}-${cell.device}`;
}
