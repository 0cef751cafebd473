/**
 * `MAJOR:MINOR` of a dev_t, as makedev() of glibc and musl packs it: 12 bits of the major number above 8 of the minor,
 * and the upper bits of both above these.
 */
export function deviceId(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}
