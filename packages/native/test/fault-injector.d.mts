/**
 * Makes whole pages of this process's mapping of a tmpfs file raise SIGBUS on every load and store (UFFDIO_POISON).
 * pread still works. The path must be resolved; the first mapping of the file is meant. Throws if it cannot be done.
 */
export function poison(path: string, offset: number, length: number): void;

/** The same for the first private mapping of the file: a view's. */
export function poisonView(path: string, offset: number, length: number): void;

/** A descriptor of an empty file on hugetlbfs. Throws if the kernel has none. */
export function hugeFile(): number;

/** Sets how many descriptors this process may have, and returns how many it might have before. */
export function limitDescriptors(count: number): number;

/** Where the file is mapped in this process; undefined if it is not. */
export function findMapping(path: string): { readonly begin: number; readonly end: number } | undefined;

/** Sends this thread a BUS_MCEERR_AO about a byte of the mapped file, as the kernel would. */
export function sendAdvisory(path: string, offset: number): void;
