import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replayAmongPoison } from '../src/fuzz/agreement.js';
import { checkCorpus, corpusHeader, corpusLine } from '../src/fuzz/corpus.js';
import { randomScenario } from '../src/fuzz/random-scenario.js';
import { mockMachine } from '../src/mock/mock-machine.js';

const subject = { kernel: '6.12', filesystem: 'ext4', device: 'clearable' };

/** Forty sequences as a simulated kernel of that series has them. */
async function corpus(kernel: '6.1' | '6.12'): Promise<string> {
  let text = corpusHeader(subject);
  for (const scenario of fc.sample(randomScenario, { seed: 5, numRuns: 40 })) {
    text += corpusLine(scenario, await replayAmongPoison(scenario, mockMachine({ kernel, filesystem: 'ext4' }), []));
  }
  return text;
}

describe('a corpus', () => {
  it('is followed by the machine that it is of', async () => {
    expect(await checkCorpus(await corpus('6.12'))).toEqual({ subject, sequences: 40, found: [] });
  });

  it('tells another machine apart', async () => {
    expect((await checkCorpus(await corpus('6.1'))).found.length).toBeGreaterThan(0);
  });
});
