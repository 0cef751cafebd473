export type Libc = 'glibc' | 'musl';

export function libcOf(executable: string): Libc;
export function binaryPath(packageFolder: string, target?: { arch?: string; libc?: Libc }): string;
