/** What the fuzz job's two halves say to each other. */
import type { Scenario } from '../scenarios/step.js';
import type { Replayed } from './agreement.js';

export interface FuzzQuestion {
  readonly scenario: Scenario;
  /** On a new filesystem without any bad block, whatever the one before is like. */
  readonly fresh: boolean;
}

export type FuzzAnswer =
  | (Replayed & {
      /** The filesystem was new. */
      readonly fresh: boolean;
    })
  | {
      /** Why the scenario could not be carried out. */
      readonly failure: string;
      readonly fresh: boolean;
    };
