/**
 * Stands in for vitest where it cannot run: its bundler is compiled for the host's processor. `--import` of this lets
 * Node.js run test files as they are: `vitest` is what is exported here, over node:test and vitest's own `expect`.
 */
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { afterEach, beforeEach, describe as suite, it as test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { format, inspect } from 'node:util';
import { chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

type Body = (...args: never[]) => unknown;
type Registered = (name: string, body: () => unknown) => unknown;

let afterwards: (() => unknown)[] = [];

/** Called after the test that is running, the last first. */
export function onTestFinished(body: () => unknown): void {
  afterwards.unshift(body);
}

/** With `each`, which calls for every case and puts it into the name. */
interface Each {
  each(cases: readonly unknown[]): (name: string, body: Body) => void;
}

function withCases(register: Registered): Registered & Each {
  const each = (cases: readonly unknown[]) => (name: string, body: Body): void => {
    for (const one of cases) {
      const args = Array.isArray(one) ? (one as unknown[]) : [one];
      register(format(name, ...args), () => body(...(args as never[])));
    }
  };
  return Object.assign(register, { each });
}

/** Vitest prints a difference of its own; here it has to be in the message, which names nested objects only. */
function inFull(error: unknown): unknown {
  if (!(error instanceof Error && 'actual' in error)) return error;
  error.message += `\nIt is ${inspect(error.actual, { depth: Infinity })}`;
  return error;
}

export const it = withCases((name, body) =>
  test(name, async () => {
    afterwards = [];
    try {
      await body();
    } catch (error) {
      throw inFull(error);
    } finally {
      for (const after of afterwards) await after();
    }
  }),
);
export const describe = withCases((name, body) => suite(name, () => { body(); }));
export { afterEach, beforeEach };
export const expect = Object.assign((value: unknown, message?: string) => chai.expect(value, message), chai.expect);

interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
}
interface Context {
  readonly parentURL?: string;
}

/** Of Node.js since 22.15; the types here are those of the oldest that is supported. */
type Resolve = (specifier: string, context: Context) => Resolved;
const { registerHooks } = nodeModule as unknown as {
  readonly registerHooks: (hooks: { resolve(specifier: string, context: Context, next: Resolve): Resolved }) => void;
};

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'vitest') return { url: import.meta.url, shortCircuit: true };
    const { parentURL } = context;
    if (parentURL === undefined || !/^\.{1,2}\/.*\.js$/.test(specifier)) return next(specifier, context);
    if (existsSync(fileURLToPath(new URL(specifier, parentURL)))) return next(specifier, context);
    return next(specifier.replace(/\.js$/, '.ts'), context);
  },
});
