/** A process that does what most programs do: map a file and read it. The file is truncated, and the process dies. */
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';

/** The fault injector of @safe-pmem/native, which is built for tests and not published. */
export interface FaultInjector {
  /** Makes mapped pages of a tmpfs file raise SIGBUS in this process: UFFDIO_POISON, Linux 6.6. */
  poison(path: string, offset: number, length: number): { readonly errno: number; readonly call: string };
  /** Maps a file of its own, has it truncated, and loads a byte that is gone, without any guard. */
  faultForeignMapping(): boolean;
}

const requireFromHere = createRequire(import.meta.url);

function injectorPath(): string {
  return requireFromHere
    .resolve('@safe-pmem/native/package.json')
    .replace(/package\.json$/, 'build/Release/fault_injector.node');
}

/** The injector, or the reason why there is none. */
export function loadInjector(): { readonly injector: FaultInjector } | { readonly missing: string } {
  try {
    return { injector: requireFromHere(injectorPath()) as FaultInjector };
  } catch (error) {
    return { missing: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
  }
}

/** The end of a child process. */
export interface Death {
  readonly processId: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs the naive reader in a process of its own, because it dies. */
export function runNaiveReader(): Promise<Death> {
  const program = `
    try { require(${JSON.stringify(injectorPath())}).faultForeignMapping(); }
    catch { process.exit(3); }
    process.exit(0);`;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['-e', program], { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve({ processId: child.pid ?? 0, code, signal });
    });
  });
}

/** Another process sets the size of a file, as `truncate -s` would. */
export function truncateElsewhere(path: string, sizeBytes: number): void {
  const program = `require('node:fs').truncateSync(${JSON.stringify(path)}, ${sizeBytes})`;
  const { status } = spawnSync(process.execPath, ['-e', program], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`the process that truncates '${path}' failed`);
}

/** `userfaultfd: EPERM` */
export function describeFailure(failure: { readonly errno: number; readonly call: string }): string {
  return `${failure.call}: ${getSystemErrorName(-failure.errno)}`;
}
