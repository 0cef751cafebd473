/** Power loss: what survives is a list of choices, each made by a chooser, so that an explorer can try them all. */

/** One thing that power loss leaves open. A chooser answers with an integer in [0, alternatives). */
export type CrashChoice =
  /** Number of metadata operations, among those that no sync made durable, that survived; they survive in order. */
  | { readonly kind: 'metadata'; readonly alternatives: number }
  /**
   * The changed 8-byte words of one 64-byte line that survived: bit i of the answer is the i-th changed word. 0 is the
   * line as it was last persisted, `alternatives - 1` the line as it was last stored.
   */
  | {
      readonly kind: 'line';
      readonly alternatives: number;
      /** The file stored to; undefined if it has no name any more. */
      readonly path: string | undefined;
      /** First byte of the line, on the device. */
      readonly deviceOffset: number;
    };

export type CrashChooser = (choice: CrashChoice) => number;

/** Everything that was not persisted is lost. */
export const loseAll: CrashChooser = () => 0;

/** Everything survives, as after a crash of the process alone. */
export const keepAll: CrashChooser = (choice) => choice.alternatives - 1;

export function choose(chooser: CrashChooser, choice: CrashChoice): number {
  const answer = chooser(choice);
  if (Number.isInteger(answer) && answer >= 0 && answer < choice.alternatives) return answer;
  throw new RangeError(`a ${choice.kind} choice has ${choice.alternatives} alternatives; the chooser said ${answer}`);
}
