/** What host and guest say to each other: one JSON object a line, on a virtio serial port that carries nothing else. */

export type Filesystem = 'ext4' | 'xfs';
export type DeviceKind = 'clearable' | 'unclearable';

/** Where things lie inside the guest; the initramfs and the agent both use these. */
export const guestPaths = {
  runtime: '/run/safe-pmem',
  tree: '/run/safe-pmem/tree',
  command: '/run/safe-pmem/tree/packages/cli/dist/bin.js',
  node: '/run/safe-pmem/node',
  injector: '/run/safe-pmem/injector.sock',
  mountPoint: '/mnt/pmem',
} as const;

/** Name of the virtio serial port. */
export const portName = 'safe-pmem.channel';

/** The unprivileged user that jobs run as. */
export const nobody = 65534;

export type HostMessage =
  /** `keep`: the device holds what an earlier boot has left, which is checked and mounted instead of made anew. */
  | { readonly type: 'configure'; readonly device: DeviceKind; readonly keep?: boolean }
  /** `hugePages`: with blocks laid out so that 2 MiB of a file can be mapped by one entry. */
  | { readonly type: 'mount'; readonly filesystem: Filesystem; readonly keep?: boolean; readonly hugePages?: boolean }
  | {
      readonly type: 'run'; readonly program: string; readonly nodeArguments: readonly string[]; readonly input: unknown;
      readonly asRoot?: boolean;
    }
  /** A line for the running job's standard input, and its end. */
  | { readonly type: 'ask'; readonly question: unknown }
  | { readonly type: 'no-more-questions' }
  | { readonly type: 'poweroff' };

/** What the guest found out about itself, checked by the host before anything is believed. */
export interface GuestFacts {
  readonly kernelRelease: string;
  /** The whole of /proc/version, which holds the distribution's package version. */
  readonly kernelVersion: string;
  readonly provider: string;
  readonly commands: readonly string[];
  readonly deviceSizeBytes: number;
  /** Physical address of the device's first byte. */
  readonly deviceAddress: number;
}

export type GuestMessage =
  | { readonly type: 'ready'; readonly uptimeSeconds: number }
  | { readonly type: 'configured'; readonly facts: GuestFacts }
  | { readonly type: 'mounted'; readonly mountOptions: string }
  | { readonly type: 'result'; readonly value: unknown }
  | { readonly type: 'text'; readonly stream: 'stdout' | 'stderr'; readonly line: string }
  | { readonly type: 'finished'; readonly exitCode: number | null; readonly signal: string | null }
  | { readonly type: 'failed'; readonly error: string };

/** What a job is given: where it may write, what it runs on, and the arguments of its own. */
export interface JobContext {
  readonly mountPoint: string;
  readonly injector: string;
  readonly filesystem: Filesystem;
  readonly device: DeviceKind;
  readonly kernelRelease: string;
  /** Physical address of the device's first byte. */
  readonly deviceAddress: number;
  readonly input: unknown;
}

/** The descriptor that a job writes its results to, one JSON value a line. */
export const resultDescriptor = 3;

/** What the privileged side does for a job that runs as nobody. Sectors are of 512 bytes, from the device's start. */
/** Where a filesystem lies, and how it places files. */
export interface FilesystemLayout {
  readonly hugePages?: boolean;
  readonly mapped?: boolean;
}

/** First sector of the device that a dm-linear device has. */
export const mappedSector = 65_536;

export type InjectorRequest =
  | { readonly operation: 'inject'; readonly sector: number; readonly count: number }
  /** `hugePages` as of a mount. `mapped`: on a dm-linear device that begins at sector `mappedSector` of the device. */
  | ({ readonly operation: 'fresh-filesystem' } & FilesystemLayout)
  /** Runs the command `safe-pmem` as root. */
  | { readonly operation: 'safe-pmem'; readonly argv: readonly string[] };

/** How a command ended, and what it printed. */
export interface CommandEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type InjectorReply =
  | { readonly ok: true; readonly ended?: CommandEnd }
  | { readonly ok: false; readonly error: string };
