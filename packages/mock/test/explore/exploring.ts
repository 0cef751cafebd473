/** Explorations of one small file, for tests of the explorer: what they try is collected, and what they throw caught. */
import { expect } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { type Exploration, ExplorationFailure, type MockDriver, mockDriver, type Schedule, type ScheduledEvent } from '../../src/index.js';

export const PATH = '/pmem/file';
export const PAGE = 4096;

export interface State {
  readonly driver: MockDriver;
  readonly file: PmemFile;
}

export type Body = (state: State) => unknown;

/** An exploration of one file of zeros; what its checks are told is collected. */
export function exploring(body: Body, more: Partial<Exploration<State>> & { readonly sizeBytes?: number } = {}) {
  const { sizeBytes = PAGE, ...rest } = more;
  const schedules: Schedule[] = [];
  const images = new Set<string>();
  const exploration: Exploration<State> = {
    prep: async (seed) => {
      const driver = mockDriver({ seed });
      driver.writeFile(PATH, new Uint8Array(sizeBytes));
      return { driver, file: await PmemFile.open(PATH, { driver }) };
    },
    body,
    check: ({ driver }, { schedule }) => {
      schedules.push(schedule);
      images.add(Buffer.from(driver.readFile(PATH)).toString('hex'));
    },
    ...rest,
  };
  return { exploration, schedules, images };
}

export const storeAndPersist: Body = ({ file }) => {
  file.write(Uint8Array.of(1), 0);
  file.persist(0, 1);
};

export function firstEvents(schedules: readonly Schedule[]): ScheduledEvent[] {
  return schedules.flatMap(({ events }) => events.slice(0, 1));
}

export async function failureOf(attempt: Promise<unknown>): Promise<ExplorationFailure> {
  const error: unknown = await attempt.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(ExplorationFailure);
  return error as ExplorationFailure;
}
