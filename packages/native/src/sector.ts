/** sysfs and device-mapper count in 512-byte sectors whatever the logical block size of the device is. */
export const SECTOR_BYTES = 512;
