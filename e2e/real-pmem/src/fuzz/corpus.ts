/** Sequences and what a kernel did in them, a line each, to be compared with the mock again without a guest. */
import type { MockOptions } from '@safe-pmem/mock';
import { mockOptionsFor } from '../mock/replay-trace.js';
import type { Scenario } from '../scenarios/step.js';
import type { TraceSubject } from '../scenarios/trace.js';
import { disagreement, type Disagreement, type Replayed } from './agreement.js';

type Subject = Pick<TraceSubject, 'kernel' | 'filesystem' | 'device'>;

interface CorpusEntry extends Replayed {
  readonly scenario: Scenario;
}

export function corpusHeader({ kernel, filesystem, device }: Subject): string {
  return `${JSON.stringify({ kernel, filesystem, device } satisfies Subject)}\n`;
}

export function corpusLine(scenario: Scenario, { records, poison }: Replayed): string {
  return `${JSON.stringify({ scenario, records, poison } satisfies CorpusEntry)}\n`;
}

export interface CorpusReport {
  readonly subject: Subject;
  readonly sequences: number;
  readonly found: readonly Disagreement[];
}

/** Every sequence of a corpus that the mock does not follow. */
export async function checkCorpus(text: string): Promise<CorpusReport> {
  const [header = '', ...lines] = text.trim().split('\n');
  const subject = JSON.parse(header) as Subject;
  const options: MockOptions = mockOptionsFor(subject);
  const found: Disagreement[] = [];
  for (const line of lines) {
    const { scenario, ...replayed } = JSON.parse(line) as CorpusEntry;
    const differs = await disagreement(scenario, replayed, options);
    if (differs !== undefined) found.push(differs);
  }
  return { subject, sequences: lines.length, found };
}
