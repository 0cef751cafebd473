/** An outcome of a trace in few words, for a cell of a table. */
import type { Outcome, OutcomeValue, Step } from '../scenarios/step.js';
import type { TracedScenario, TracedStep } from '../scenarios/trace.js';

function length(of: OutcomeValue | undefined): number {
  return Array.isArray(of) ? of.length : 0;
}

function badBlocks(outcome: Outcome): string {
  if (typeof outcome.errno === 'string') return `list: ${outcome.errno}`;
  if (length(outcome.inFile) > 0) return 'still bad';
  return length(outcome.onDevice) > 0 ? 'bad elsewhere' : 'clean';
}

/** The name of the block that the scenario poisoned first. */
function poisonedBlock(scenario: TracedScenario): OutcomeValue | undefined {
  return scenario.steps.find(({ step }) => step.do === 'inject')?.outcome.block;
}

function fault(outcome: OutcomeValue): string {
  const { signalCode, granuleLog2 } = outcome as { readonly signalCode: number; readonly granuleLog2: number };
  return `SIGBUS ${signalCode}/${granuleLog2}`;
}

/** What became of the size in a call that failed to change it. */
function size(step: Step, outcome: Outcome): string {
  const wanted = 'sizeBytes' in step ? step.sizeBytes : undefined;
  if (wanted === undefined || outcome.fileSizeBytes === undefined) return '';
  return outcome.fileSizeBytes === wanted ? ', has that size' : ', size kept';
}

/** What a call returned that can return less than it was asked for, or an offset. */
function returned({ call, offset, length }: Extract<Step, { do: 'call' }>, value: number): string {
  if (call === 'seekData' || call === 'seekHole') return value === offset ? 'there' : `at ${value}`;
  return value === 0 || value === length ? 'ok' : `${value} bytes`;
}

export function describeAnswer(scenario: TracedScenario, { step, outcome }: TracedStep): string {
  if (step.do === 'badBlocks') return badBlocks(outcome);
  if (step.do === 'block') return outcome.block === 'none' ? 'no block' : outcome.block === poisonedBlock(scenario) ? 'same block' : 'other block';
  if ('notOpen' in outcome) return '–';
  if (typeof outcome.errno === 'string') return outcome.errno + size(step, outcome);
  if (outcome.fault !== undefined) return fault(outcome.fault);
  if (typeof outcome.content === 'string') {
    const { transferredBytes } = outcome;
    const short = typeof transferredBytes === 'number' && 'length' in step && transferredBytes < step.length;
    return `${short ? `${transferredBytes} bytes: ` : ''}${/^\d+ of 0$/.test(outcome.content) ? 'zeros' : 'data'}`;
  }
  if (typeof outcome.value === 'number' && step.do === 'call') return returned(step, outcome.value);
  if (typeof outcome.transferredBytes === 'number') {
    return 'length' in step && outcome.transferredBytes < step.length ? `${outcome.transferredBytes} bytes` : 'ok';
  }
  return 'ok';
}
