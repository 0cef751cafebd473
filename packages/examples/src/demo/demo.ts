/** The interface of a demo: a module that plays its acts on a screen and returns their outcome. */
import type { Screen } from './screen.js';

export interface DemoOptions {
  /** Repeats a run. */
  readonly seed: number;
  /** Leave out what needs this machine's own memory, files or processes. */
  readonly mockOnly: boolean;
  /** Damage real files by truncation although the kernel could poison them. */
  readonly truncate: boolean;
}

/** A row of the verification at the end: `committed` has to be `intact` + `lost`, and `problems` empty. */
export interface Audit {
  readonly title: string;
  readonly committed: number;
  intact: number;
  lost: number;
  /** Bytes of payload that were compared. */
  bytes: number;
  /** Anything that breaks the invariant. */
  readonly problems: string[];
  /** Instead of numbers, for something that is shown to fail. */
  readonly instead?: string;
}

export interface Demo {
  /** The opening line. */
  readonly title: string;
  play(screen: Screen, options: DemoOptions): Promise<readonly Audit[]>;
}

/** An act that could not be played to its end, and why: it breaks the verification. */
export function unplayed(title: string, error: unknown): Audit {
  const why = error instanceof Error ? error.message : String(error);
  return { title, committed: 0, intact: 0, lost: 0, bytes: 0, problems: [why] };
}
