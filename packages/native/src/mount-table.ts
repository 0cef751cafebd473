/** The table of mounts of this process: proc_pid_mountinfo(5). */
import { readFileSync } from 'node:fs';

/** Empty if /proc does not say. */
export function readMounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}

/** A place in the table as a path: the kernel writes space, tab, newline and backslash as octal numbers. */
export function unescaped(place: string): string {
  return place.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
