/** What the machine-check job and its program in the guest say to each other. */

/**
 * A memory error. `action-required`: a load consumed it, and cannot be completed; `action-optional`: the memory controller
 * came across it, and no program has touched it yet.
 */
export type ErrorKind = 'action-required' | 'action-optional';

/** Where the guest has to be when the error happens: an action-required one has to hit the access that consumes it. */
export interface Trigger {
  /** `registers`: some register points into the page, for accesses that the emulator does not see (a cache flush). */
  readonly access: 'load' | 'store' | 'registers';
  /** Virtual address of the page's first byte, and of the byte that is touched, in hexadecimal. */
  readonly page: string;
  readonly address: string;
}

export interface InjectionRequest {
  readonly kind: ErrorKind;
  /** Physical address of the page. */
  readonly physicalAddress: number;
  readonly trigger: Trigger | undefined;
}

export type MachineCheckQuestion =
  /** Which cases are there? */
  | { readonly names: true }
  | { readonly run: string }
  /** `failure` is why the error was not injected. */
  | { readonly injected: true; readonly failure?: string };

/** What a case found out: short texts, the same in every run. `problems` are promises that were not kept. */
export interface CaseResult {
  readonly name: string;
  readonly observed: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
}

export type MachineCheckAnswer = { readonly names: readonly string[] } | { readonly inject: InjectionRequest } | { readonly result: CaseResult };
