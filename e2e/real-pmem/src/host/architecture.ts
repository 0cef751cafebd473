/** What processor a kernel is for: the part of its name after the series says it. */

export type Architecture = 'x64' | 'arm64';

export interface KernelName {
  /** `6.12`. */
  readonly series: string;
  readonly architecture: Architecture;
  /** How the names of Debian's packages end: `amd64`, `arm64`, `arm64-16k`. */
  readonly flavour: string;
}

/** `6.12` is for x86-64; `6.12-arm64` for arm64 with pages of 4 KiB, `6.12-arm64-16k` with pages of 16. */
export function parseKernelName(name: string): KernelName | undefined {
  const [, series, flavour] = /^(\d+\.\d+)(?:-(arm64|arm64-16k))?$/.exec(name) ?? [];
  if (series === undefined) return undefined;
  if (flavour === undefined) return { series, architecture: 'x64', flavour: 'amd64' };
  return { series, architecture: 'arm64', flavour };
}

/** Also of kernels that are built here, which are for x86-64. */
export function architectureOf(kernel: string): Architecture {
  return parseKernelName(kernel)?.architecture ?? 'x64';
}
