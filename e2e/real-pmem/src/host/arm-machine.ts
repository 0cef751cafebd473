/**
 * The emulated arm64 machine: QEMU's `virt`. Its clearable device is memory that a device tree calls persistent, the
 * unclearable one an ACPI NVDIMM, which needs firmware.
 */
import { capture } from './command.js';
import { programPath } from './prerequisites.js';

export const armEmulator = 'qemu-system-aarch64';
/** Of Debian's qemu-efi-aarch64. */
const armFirmware = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd';

/** Memory begins at 1 GiB. The kernel is told of the first 2 GiB alone; what comes after them is the device. */
const deviceStart = 0xc000_0000;
/**
 * With pointer authentication by a quick hash, and vectors of 256 bits: kernel and C library sign return addresses, and
 * QEMU's defaults (QARMA, 2048 bits) take much of a guest's time.
 */
const processor = ['-cpu', 'max,pauth-impdef=on,sve-max-vq=2', '-smp', '1'] as const;
const treeMachine = ['-machine', 'virt', ...processor, '-m', '2560M'] as const;
/** An emulated processor on a busy machine looks stuck to the kernel. */
const kernelOptions = 'console=ttyAMA0 nowatchdog nosoftlockup panic=-1 oops=panic quiet loglevel=5';

/** Writes the machine's device tree to `target`, with `sizeBytes` of persistent memory. */
export async function writeDeviceTree(target: string, sizeBytes: number): Promise<void> {
  await capture(programPath(armEmulator), [...treeMachine, '-machine', `dumpdtb=${target}`, '-display', 'none']);
  const node = `/pmem@${deviceStart.toString(16)}`;
  const fdtput = programPath('fdtput');
  await capture(fdtput, ['--create', target, node]);
  await capture(fdtput, ['--type', 's', target, node, 'compatible', 'pmem-region']);
  const cells = [0, deviceStart, 0, sizeBytes].map((cell) => cell.toString(16));
  await capture(fdtput, ['--type', 'x', target, node, 'reg', ...cells]);
}

interface ArmMachine {
  readonly bootImage: string;
  readonly initramfs: string;
  /** With the clearable device. */
  readonly deviceTree: string | undefined;
  /** What gives an NVDIMM its contents: QEMU's arguments, for a machine without a device tree of ours. */
  readonly nvdimm: readonly string[];
}

export function armArguments({ bootImage, initramfs, deviceTree, nvdimm }: ArmMachine): string[] {
  const machine =
    deviceTree === undefined
      ? ['-machine', 'virt,nvdimm=on', ...processor, '-m', '2G,slots=2,maxmem=4G', '-bios', armFirmware, ...nvdimm]
      : [...treeMachine, '-dtb', deviceTree];
  return [
    '-accel', 'tcg', ...machine, '-display', 'none', '-no-reboot', '-nic', 'none',
    '-kernel', bootImage, '-initrd', initramfs,
    '-append', deviceTree === undefined ? kernelOptions : `mem=2G ${kernelOptions}`,
    '-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap',
  ];
}
