/** Shared by the explorations of all engines: how one begins, and what is looked at after its events. */
import type { Exploration, Explored, MockDriver, ScheduledEvent } from '@safe-pmem/mock';
import { PagesError } from '../src/pages/index.js';

/** A program that works with an engine, and knows what that has acknowledged. */
export interface EngineLife extends Explored {
  readonly driver: MockDriver;
  readonly journalAtRisk: boolean;
  readonly canBeLost: boolean;
  noteEvent(event: ScheduledEvent): void;
  /** Leaves the engine behind as a process does that ends. */
  forget(): unknown;
}

interface Start<Life> {
  readonly begin: (seed: number) => Promise<Life>;
  readonly body: (life: Life) => Promise<void>;
  /** The first start after the events: opens the engine, and judges what it has. */
  readonly start: (life: Life) => Promise<void>;
  /** Errors by which it may refuse to open if the medium under a repair journal has failed. */
  readonly isRefusal: (error: unknown) => boolean;
  readonly acceptable: (error: unknown) => boolean;
}

/** The part that is explored most: one start after the events, and nothing after that. Takes a third of the time. */
export function oneStart<Life extends EngineLife>(
  { begin, body, start, isRefusal, acceptable }: Start<Life>,
): Exploration<Life> {
  return {
    prep: begin,
    body,
    check: checkBy(isRefusal, start),
    onEvent: (life, event) => {
      life.noteEvent(event);
    },
    acceptable,
  };
}

/** Looks at what the events have left, in a process of its own. */
export function checkBy<Life extends EngineLife>(
  isRefusal: (error: unknown) => boolean, look: (life: Life) => Promise<void>,
): Exploration<Life>['check'] {
  return (life, { crashed }) => {
    if (!crashed) life.driver.crash('keep-all');
    return nextProcess(life, isRefusal, look);
  };
}

/**
 * Goes on in a process of its own. If the medium under a repair journal has failed, files may refuse to open; and so
 * may a store if both files of its log have lost the same page. They never read wrong for it.
 */
export async function nextProcess<Life extends EngineLife>(
  life: Life, isRefusal: (error: unknown) => boolean, action: (life: Life) => Promise<void>,
): Promise<void> {
  try {
    await life.forget();
    await action(life);
  } catch (error) {
    const isJournal = isRefusal(error) && life.journalAtRisk;
    const isLog = error instanceof PagesError && error.code !== 'ERR_PAGES_LOST' && life.canBeLost;
    if (!isJournal && !isLog) throw error;
  }
}
