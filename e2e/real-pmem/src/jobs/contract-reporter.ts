/** A reporter for node:test that sends every finished test to the host. */
import type { TestEvent } from 'node:test/reporters';
import { report } from './job-io.js';

export interface ContractResult {
  /** `poison › faults every time, thousands of times` */
  readonly test: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly error: string;
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // node:test wraps what was thrown.
  const thrown = error.cause instanceof Error ? error.cause : error;
  return thrown.stack ?? thrown.message;
}

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names: string[] = [];
  for await (const event of source) {
    if (event.type === 'test:start') names[event.data.nesting] = event.data.name;
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { nesting, name, details } = event.data;
    if (details.type === 'suite') continue;
    const result: ContractResult = {
      test: [...names.slice(1, nesting), name].join(' › '),
      ok: event.type === 'test:pass',
      seconds: details.duration_ms / 1000,
      error: event.type === 'test:fail' ? errorText(event.data.details.error) : '',
    };
    report(result);
  }
  // A reporter may print; this one has nothing to add.
  yield '';
}
