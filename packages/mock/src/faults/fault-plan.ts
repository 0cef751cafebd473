/** Ready-made observers that make operations fail. Give them to `mockDriver({ faults: [...] })` or to `observe()`. */
import type { MockOperation, OperationEffect, OperationHook, OperationName } from '../driver/operation.js';
import type { CrashChooser } from '../hardware/crash.js';
import { Random } from '../random.js';

/** Operations that a fault counts; undefined: all. Steps of an operation are never counted. */
export interface FaultFilter {
  readonly operation?: OperationName | readonly OperationName[] | undefined;
  readonly path?: string | undefined;
}

const ACCESSES: readonly OperationName[] = ['read', 'write', 'pread', 'pwrite'];

/**
 * Fails the `nth` matching operation (1 is the first), and, if `persistent`, every later one too. A system call fails
 * with `errno`; read and write, which have none, raise SIGBUS with `signalCode` (2 by default).
 */
export function failNth(
  options: FaultFilter & {
    readonly nth: number;
    readonly errno: number;
    readonly signalCode?: number | undefined;
    readonly persistent?: boolean | undefined;
  },
): OperationHook {
  checkCount(options.nth);
  return onNth(options, options.nth, options.persistent ?? false, (operation) =>
    operation.name === 'read' || operation.name === 'write'
      ? { signalCode: options.signalCode ?? 2 }
      : { errno: options.errno },
  );
}

/** Poisons the bytes that the `nth` matching access is about to touch; `latent`: the kernel does not know of it. */
export function poisonNth(
  options: FaultFilter & { readonly nth: number; readonly latent?: boolean | undefined },
): OperationHook {
  checkCount(options.nth);
  return onNth({ operation: ACCESSES, ...options }, options.nth, false, () => ({
    poison: options.latent === true ? 'latent' : 'listed',
  }));
}

/** Poisons the bytes of each matching access with the given probability; the seed says which ones. */
export function poisonAtRate(
  options: FaultFilter & { readonly rate: number; readonly seed: number; readonly latent?: boolean | undefined },
): OperationHook {
  if (!(options.rate >= 0 && options.rate <= 1)) throw new RangeError(`rate must lie in [0, 1], got ${options.rate}`);
  const random = new Random(options.seed);
  const matches = matcher({ operation: ACCESSES, ...options });
  return (operation) =>
    matches(operation) && random.fraction() < options.rate
      ? { poison: options.latent === true ? 'latent' : 'listed' }
      : undefined;
}

/** Fails power at the operation or step with this index (see `MockOperation.index`). */
export function crashAt(index: number, chooser?: CrashChooser): OperationHook {
  checkCount(index);
  return (operation) => {
    if (operation.index !== index) return undefined;
    return chooser === undefined ? { crash: true } : { crash: true, chooser };
  };
}

function onNth(
  filter: FaultFilter,
  nth: number,
  persistent: boolean,
  effect: (operation: MockOperation) => OperationEffect,
): OperationHook {
  const matches = matcher(filter);
  let seen = 0;
  return (operation) => {
    if (!matches(operation)) return undefined;
    seen++;
    return seen === nth || (persistent && seen > nth) ? effect(operation) : undefined;
  };
}

function matcher(filter: FaultFilter): (operation: MockOperation) => boolean {
  const names = typeof filter.operation === 'string' ? [filter.operation] : filter.operation;
  return (operation) =>
    operation.step === undefined &&
    (names === undefined || names.includes(operation.name)) &&
    (filter.path === undefined || filter.path === operation.path);
}

function checkCount(nth: number): void {
  if (!Number.isInteger(nth) || nth < 1) throw new RangeError(`operations are counted from 1, got ${nth}`);
}
