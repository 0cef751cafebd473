/** A kernel in the cache, unpacked or built. */
export interface BootableKernel {
  readonly series: string;
  /** `uname -r`. */
  readonly release: string;
  readonly bootImage: string;
  /** Holds lib/modules/RELEASE; what `modprobe -d` takes. */
  readonly root: string;
}
