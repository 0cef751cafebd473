/** The fuzz job: random scenarios on which the mock, here, and the kernel, in the guest, have to agree. */
import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { disagreement, type Disagreement } from '../fuzz/agreement.js';
import { corpusHeader, corpusLine } from '../fuzz/corpus.js';
import { findDisagreement, linesOf } from '../fuzz/find-disagreement.js';
import type { FuzzAnswer, FuzzQuestion } from '../fuzz/questions.js';
import { mockOptionsFor } from '../mock/replay-trace.js';
import type { Scenario } from '../scenarios/step.js';
import type { Ask, Job } from './job.js';
import { cellName, type Cell } from './matrix.js';

export interface FuzzOptions {
  readonly seed: number;
  readonly sequences: number;
  /** The place where the acts of the kernel are kept, for a later comparison without a guest. */
  readonly runDirectory: string;
}

class Fuzzer {
  readonly #ask: Ask;
  readonly #cell: Cell;
  readonly #corpus: string;
  sequences = 0;
  steps = 0;
  freshFilesystems = 0;
  /** Sequences that were run once more on a new filesystem. */
  reruns = 0;

  constructor(ask: Ask, cell: Cell, corpus: string) {
    this.#ask = ask;
    this.#cell = cell;
    this.#corpus = corpus;
  }

  /**
   * Compares kernel and mock. A difference on a filesystem with bad blocks in its free space may be what these have done
   * to the filesystem's own blocks, which the mock does not have: it counts only if a new filesystem shows it too.
   */
  async run(scenario: Scenario, fresh: boolean): Promise<Disagreement | undefined> {
    this.sequences++;
    const first = await this.#compare(scenario, fresh);
    if (first === undefined || first.fresh) return first?.found;
    this.reruns++;
    return (await this.#compare(scenario, true))?.found;
  }

  async #compare(scenario: Scenario, fresh: boolean): Promise<{ readonly found: Disagreement; readonly fresh: boolean } | undefined> {
    const answer = (await this.#ask({ scenario, fresh } satisfies FuzzQuestion)) as FuzzAnswer;
    if (answer.fresh) this.freshFilesystems++;
    if ('failure' in answer) {
      if (answer.fresh) throw new Error(answer.failure);
      // Nothing of the error is lost: the second run meets it again.
      return this.#compare(scenario, true);
    }
    this.steps += scenario.steps.length;
    const found = await disagreement(scenario, answer, mockOptionsFor(this.#cell));
    if (found === undefined || answer.fresh) await appendFile(this.#corpus, corpusLine(scenario, answer));
    return found === undefined ? undefined : { found, fresh: answer.fresh };
  }

  describe(seed: number): string {
    return `seed ${seed}: ${this.sequences} sequences, ${this.steps} steps, ${this.freshFilesystems} new filesystems, ${this.reruns} run twice`;
  }
}

export function fuzzJob({ seed, sequences, runDirectory }: FuzzOptions): Job {
  return {
    name: 'fuzz',
    program: 'e2e/real-pmem/dist/jobs/fuzz.js',
    nodeArguments: [],
    input: {},
    async converse(ask, note, cell) {
      const corpus = path.join(runDirectory, `${cellName(cell)}-fuzz.jsonl`);
      await writeFile(corpus, corpusHeader(cell));
      const fuzzer = new Fuzzer(ask, cell, corpus);
      const found = await findDisagreement({
        seed,
        sequences,
        run(scenario, fresh) {
          note(fuzzer.describe(seed));
          return fuzzer.run(scenario, fresh);
        },
      });
      const failures = found === undefined ? [] : [`the mock and the kernel disagree (--seed ${seed}); shortest sequence:\n${linesOf(found).join('\n')}`];
      if (found === undefined && fuzzer.sequences < sequences) failures.push('not every sequence ran');
      return { summary: fuzzer.describe(seed), failures };
    },
  };
}
