/** What the machine-check job saw on one kernel, filesystem and device, for comparison and for the page that is made of it. */
import type { DeviceKind, Filesystem } from '../protocol.js';
import type { CaseResult } from './questions.js';

export interface RecordedCase {
  readonly name: string;
  readonly observed: Readonly<Record<string, string>>;
}

export interface MachineCheckRecording {
  readonly format: 1;
  readonly subject: {
    readonly kernel: string;
    /** The whole of /proc/version; not compared. */
    readonly kernelVersion: string;
    readonly filesystem: Filesystem;
    readonly device: DeviceKind;
  };
  readonly cases: readonly RecordedCase[];
}

export function recordedCase({ name, observed }: CaseResult): RecordedCase {
  return { name, observed };
}

export function serializeRecording(recording: MachineCheckRecording): string {
  return `${JSON.stringify(recording, undefined, 2)}\n`;
}

export function parseRecording(text: string): MachineCheckRecording {
  const recording = JSON.parse(text) as MachineCheckRecording;
  // A cast believes anything; what was written in another format is not to be compared.
  if ((recording.format as number) !== 1) throw new Error(`a machine-check recording of format ${String(recording.format)}`);
  return recording;
}

/** `before` with the cases of `fresh` in the place of its own of the same names; what is new comes last. */
export function mergedRecording(before: MachineCheckRecording, fresh: MachineCheckRecording): MachineCheckRecording {
  const cases = new Map([...before.cases, ...fresh.cases].map((one) => [one.name, one]));
  return { ...fresh, cases: [...cases.values()] };
}

/** Readable lines, one for everything that was seen differently. */
export function recordingDifferences(committed: MachineCheckRecording, fresh: MachineCheckRecording): string[] {
  const lines: string[] = [];
  const seen = new Map(fresh.cases.map((one) => [one.name, one.observed]));
  const known = new Set(committed.cases.map(({ name }) => name));
  for (const { name, observed } of committed.cases) {
    const now = seen.get(name);
    if (now === undefined) continue;
    for (const what of new Set([...Object.keys(observed), ...Object.keys(now)])) {
      if (observed[what] !== now[what]) lines.push(`${name}, ${what}: ${now[what] ?? 'not looked at'}, committed: ${observed[what] ?? 'not looked at'}`);
    }
  }
  for (const { name } of fresh.cases) if (!known.has(name)) lines.push(`${name}: not in the committed recording`);
  return lines;
}
