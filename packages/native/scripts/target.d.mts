export type Libc = 'glibc' | 'musl';

export const TARGETS: readonly string[];
export function interpreterOf(executable: string): string | undefined;
export function libcOf(executable: string, otherwise?: () => Libc): Libc;
export function targetOf(target?: { arch?: string; libc?: Libc }): string;
export const ADDON: string;
export const TESTING_ADDON: string;
export function shippedBinary(packageFolder: string, target?: string, addon?: string): string;
export function localBinary(packageFolder: string, target?: string, addon?: string): string;
export function binaryPath(packageFolder: string, target?: string, addon?: string): string;
