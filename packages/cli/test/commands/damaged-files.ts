/** Files on the simulated machine for the tests of the commands, one of them damaged. */
import { mockDriver } from '@safe-pmem/mock';
import type { MockDriver, MockOptions } from '@safe-pmem/mock';
import type { CommandLine, CommandLineOptions } from '../mock-surroundings.js';
import { commandLineOn } from '../mock-surroundings.js';

export const PAGE = 4096;
export const DB = '/pmem/db/app.db';

/** Bytes without a zero, different in each page. */
export function content(pages: number): Uint8Array {
  return Uint8Array.from({ length: pages * PAGE }, (_, i) => ((i * 7 + (i >>> 12) * 13) % 255) + 1);
}

/** Makes three files, and in one of them a media error at [20480, 24576). */
export function damaged(options: MockOptions = {}, screen: CommandLineOptions = {}): CommandLine {
  const driver = mockDriver(options);
  driver.writeFile(DB, content(16));
  driver.writeFile('/pmem/other', content(2));
  driver.writeFile('/pmem/replica.db', content(16));
  driver.poison(DB, { offset: 5 * PAGE + 100, length: 1 });
  return commandLineOn(driver, screen);
}

/** Number of the device's sector that holds the byte of the file. */
export function sectorOf(driver: MockDriver, path: string, offset: number): number {
  return Math.floor((driver.physicalOf(path, offset) ?? Number.NaN) / 512);
}

/** Answers questions about free space as for a user who is not root. */
export function forbidSpace({ driver }: CommandLine): void {
  driver.devices.spaceOf = () => Promise.resolve({ failure: { errno: 1, syscall: 'ioctl' } });
}
