/** Runs one program on several databases and compares every answer. */
import { isDeepStrictEqual } from 'node:util';
import type { Operation } from './operations.js';
import { NO_SNAPSHOT } from './operations.js';
import type { Subject } from './subject.js';
import { codeOf, Session } from './subject.js';

const ALL = { at: { level: 0, encoding: 'buffer' }, kind: 'iterator', range: {}, snapshot: NO_SNAPSHOT, by: 'all' } as const;

/** Everything that is there when a program has ended, and after a restart. */
const FINAL: readonly Operation[] = [{ do: 'scan', ...ALL }, { do: 'reopen' }, { do: 'scan', ...ALL }];

export type Answer = { readonly value: unknown } | { readonly error: string };

/**
 * Throws if the first database answers as none of the others does. If those disagree among themselves, either
 * answer is right.
 */
export async function compare(program: readonly Operation[], subjects: readonly [Subject, ...Subject[]]): Promise<void> {
  const sessions = subjects.map((subject) => new Session(subject));
  try {
    for (const session of sessions) await session.open();
    for (const [index, operation] of [...program, ...FINAL].entries()) {
      const [answer, ...expected] = await Promise.all(sessions.map((session) => answerOf(session, operation)));
      if (expected.some((one) => isDeepStrictEqual(one, answer))) continue;
      const lines = [answer, ...expected].map((one, i) => `  ${subjects[i]?.name ?? ''}: ${JSON.stringify(one)}`);
      throw new Error(`operation ${index} (${JSON.stringify(operation)}) differs:\n${lines.join('\n')}`);
    }
  } finally {
    for (const subject of subjects) await subject.dispose();
  }
}

async function answerOf(session: Session, operation: Operation): Promise<Answer> {
  try {
    return { value: plain(await session.perform(operation)) };
  } catch (error) {
    return { error: codeOf(error) };
  }
}

/** Bytes as hexadecimal digits with their class before them, so that a failure can be read. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `buffer ${value.toString('hex')}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  return Array.isArray(value) ? value.map(plain) : value;
}
