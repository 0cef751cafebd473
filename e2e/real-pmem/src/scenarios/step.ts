/** The language of scenarios: one step is one thing done to a file or to its machine. Offsets and lengths are bytes. */

interface OfFile {
  /** Files are named by a letter; the driver's handle and the path follow from it. */
  readonly file: string;
}

interface OfRange extends OfFile {
  readonly offset: number;
  readonly length: number;
}

/** Steps that a driver's file performs. */
export type DriverStep =
  /** open() of a new file, preallocated or sparse, mapped for writing. */
  | (OfFile & { readonly do: 'create'; readonly sizeBytes: number; readonly preallocate: boolean })
  /** open() of a file that another step made. */
  | (OfFile & { readonly do: 'open' })
  | (OfFile & { readonly do: 'close' })
  /** pwrite() of the first `length` bytes; the k-th page of 4096 bytes is full of `firstByte` + k. Must succeed. */
  | (OfFile & { readonly do: 'fill'; readonly length: number; readonly firstByte: number })
  | (OfRange & { readonly do: 'pread' })
  | (OfRange & { readonly do: 'pwrite'; readonly byte: number })
  /** read() and write() through the mapping. */
  | (OfRange & { readonly do: 'load' })
  | (OfRange & { readonly do: 'store'; readonly byte: number })
  | (OfRange & { readonly do: 'persist' })
  | (OfRange & { readonly do: 'remap' })
  | (OfRange & { readonly do: 'probe' })
  | (OfRange & { readonly do: 'zeroRange' })
  | (OfFile & { readonly do: 'sync' })
  /** truncate(): the mapping stays as it is. */
  | (OfFile & { readonly do: 'truncate'; readonly sizeBytes: number })
  /** resize(): the mapping follows. */
  | (OfFile & { readonly do: 'resize'; readonly sizeBytes: number; readonly preallocate: boolean })
  | (OfFile & { readonly do: 'size' })
  | (OfFile & { readonly do: 'extents' })
  /** The kernel's list, as seen through this file. */
  | (OfFile & { readonly do: 'badBlocks' })
  /** Which physical block holds the byte at `offset`. */
  | (OfFile & { readonly do: 'block'; readonly offset: number })
  /** From now on each page of the mapping has an entry of its own. */
  | (OfFile & { readonly do: 'avoidHugePages' });

/**
 * Calls that another process makes. Aimed at a mapping of the range that was made for the call: mmap with MAP_POPULATE, mlock,
 * madvise with MADV_POPULATE_READ and _WRITE, process_vm_readv, a read of /proc/self/mem, and a write to a pipe and a read
 * from one with the mapping as their buffer. Past any mapping: preadv2 with RWF_NOWAIT, a read with O_DIRECT, pwritev of two
 * buffers (of 100 bytes and the rest), lseek.
 */
export type OwnCall =
  | 'mapPopulate' | 'mlock' | 'populateRead' | 'populateWrite' | 'vmRead' | 'memRead' | 'writeToPipe' | 'readFromPipe'
  | 'preadNowait' | 'preadDirect' | 'pwritev' | 'seekData' | 'seekHole';

/** Steps that need more than a driver: poison, and what other programs do to files. */
export type MachineStep =
  /** Poison of whole 512-byte sectors. They must have storage, unless `ifStored` says that nothing happens where they have not. */
  | (OfRange & { readonly do: 'inject'; readonly ifStored?: boolean })
  /** fallocate(PUNCH_HOLE | KEEP_SIZE) and fallocate(0). */
  | (OfRange & { readonly do: 'punch' })
  | (OfRange & { readonly do: 'allocate' })
  /** fallocate(UNSHARE_RANGE). */
  | (OfRange & { readonly do: 'unshare' })
  /** pwrite() by a program without a mapping: it may reach beyond the end of the file. */
  | (OfRange & { readonly do: 'foreignWrite'; readonly byte: number })
  /** FICLONE of the whole file into a new one. */
  | { readonly do: 'reflink'; readonly file: string; readonly target: string }
  /** copy_file_range() of the whole file into a new one. */
  | { readonly do: 'copyRange'; readonly file: string; readonly target: string }
  | (OfRange & { readonly do: 'call'; readonly call: OwnCall })
  | (OfFile & { readonly do: 'unlink' })
  /** Another file takes all free space that an ordinary user may have. */
  | { readonly do: 'exhaust' };

export type Step = DriverStep | MachineStep;

export interface Scenario {
  /** Unique; names the scenario in traces and in messages. */
  readonly name: string;
  /** What it shows, in a sentence. */
  readonly title: string;
  /** On a filesystem that places files so that the kernel can map 2 MiB of them by one entry. Default false. */
  readonly hugePages?: boolean;
  readonly steps: readonly Step[];
}

export type OutcomeValue = string | number | boolean | readonly OutcomeValue[] | { readonly [key: string]: OutcomeValue };

/** What a step did; empty if it succeeded and there is nothing to say. */
export type Outcome = Readonly<Record<string, OutcomeValue>>;

/** `pread a [20480, 24576)`: a step in messages. */
export function describeStep(step: Step): string {
  const { do: verb, ...rest } = step;
  const words: string[] = [step.do === 'call' ? step.call : verb];
  if ('file' in rest) words.push(rest.file);
  if ('target' in rest) words.push(`to ${rest.target}`);
  if ('offset' in rest) words.push('length' in rest ? `[${rest.offset}, ${rest.offset + rest.length})` : `at ${rest.offset}`);
  else if ('length' in rest) words.push(`${rest.length} bytes`);
  if ('sizeBytes' in rest) words.push(`to ${rest.sizeBytes} bytes`);
  if ('byte' in rest) words.push(`of ${rest.byte}`);
  return words.join(' ');
}
