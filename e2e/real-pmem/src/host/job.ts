/** What the runner knows about a job: its program in the tree, its input, and how its results read as a verdict. */
import type { ErrorInjector } from './error-injector.js';
import type { Cell } from './matrix.js';
import type { JobName } from './options.js';

export interface JobVerdict {
  /** What to show where the job passed: `41 tests`, `35 scenarios`. */
  readonly summary: string;
  /** Readable lines; empty if the job passed. */
  readonly failures: readonly string[];
}

/** The program's answer. Rejects if the program has ended. */
export type Ask = (question: unknown) => Promise<unknown>;

interface JobProgram {
  readonly name: JobName;
  /** Path of the program inside the tree. */
  readonly program: string;
  /** Arguments for node itself; those that name a file of the tree are relative to it. */
  readonly nodeArguments: readonly string[];
  readonly input: unknown;
  /** In a guest of its own, whose memory gets errors: what they leave behind would be in the way of other jobs. */
  readonly machineChecks?: true;
  /** Its program is root in the guest, to mount other filesystems. */
  readonly asRoot?: true;
  /** Modules of the kernel that only this job needs, in loading order. */
  readonly modules?: readonly string[];
  /** On a filesystem that places files so that the kernel can map 2 MiB of them by one entry. */
  readonly hugePages?: true;
}

/** A job whose program works by itself and reports results. */
export interface ReportingJob extends JobProgram {
  /** A few words about a result, or undefined for none. */
  describe(value: unknown): string | undefined;
  /** Called once, when the program has ended. That it ended badly is a failure without further words. */
  judge(values: readonly unknown[], cell: Cell, kernelVersion: string): Promise<JobVerdict>;
}

/** What a conversing job can use besides its program. */
export interface ConversationMeans {
  readonly kernelVersion: string;
  /** Of a job with `machineChecks`. */
  readonly errors: ErrorInjector | undefined;
}

/** A job whose program answers questions; it ends when there are no more. */
interface ConversingJob extends JobProgram {
  converse(ask: Ask, note: (line: string) => void, cell: Cell, means: ConversationMeans): Promise<JobVerdict>;
}

export type Job = ReportingJob | ConversingJob;
