/** Which kernels, devices and filesystems a run covers. */
import type { DeviceKind, Filesystem } from '../protocol.js';

export interface Cell {
  readonly kernel: string;
  readonly device: DeviceKind;
  readonly filesystem: Filesystem;
}

/** One start of a virtual machine: a kernel and a device, with the filesystems made on it one after the other. */
export interface Boot {
  readonly kernel: string;
  readonly device: DeviceKind;
  readonly filesystems: readonly Filesystem[];
}

export interface Selection {
  readonly kernels: readonly string[];
  readonly devices: readonly DeviceKind[];
  readonly filesystems: readonly Filesystem[];
}

const defaultBoots: readonly Boot[] = [
  { kernel: '6.1', device: 'clearable', filesystems: ['ext4', 'xfs'] },
  { kernel: '6.12', device: 'clearable', filesystems: ['ext4', 'xfs'] },
  { kernel: '6.12', device: 'unclearable', filesystems: ['ext4', 'xfs'] },
];

/**
 * The boots that a selection asks for. An empty list selects what the default matrix has; a kernel that the default
 * matrix does not know runs on both filesystems and, unless a device is named, on the clearable one.
 */
export function planBoots(selection: Selection): Boot[] {
  const kernels = selection.kernels.length > 0 ? selection.kernels : [...new Set(defaultBoots.map((boot) => boot.kernel))];
  const filesystems = selection.filesystems.length > 0 ? selection.filesystems : (['ext4', 'xfs'] as const);
  return [...new Set(kernels)].flatMap((kernel) => {
    const usual = defaultBoots.filter((boot) => boot.kernel === kernel).map((boot) => boot.device);
    const devices = selection.devices.length > 0 ? selection.devices : usual.length > 0 ? usual : (['clearable'] as const);
    return [...new Set(devices)].map((device) => ({ kernel, device, filesystems: [...new Set(filesystems)] }));
  });
}

export function cellsOf(boot: Boot): Cell[] {
  return boot.filesystems.map((filesystem) => ({ kernel: boot.kernel, device: boot.device, filesystem }));
}

/** `6.12-xfs-unclearable`: the name of a cell in tables and of its trace file. */
export function cellName(cell: Cell): string {
  return `${cell.kernel}-${cell.filesystem}-${cell.device}`;
}
