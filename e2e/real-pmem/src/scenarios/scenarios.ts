/** Every scenario, in the order in which they are recorded. Each starts on an empty filesystem without bad blocks. */
import { accessScenarios } from './access.js';
import { callScenarios } from './calls.js';
import { endOfFileScenarios } from './end-of-file.js';
import { hugePageScenarios } from './huge-pages.js';
import { repairScenarios } from './repair.js';
import { sharingScenarios } from './sharing.js';
import type { Scenario } from './step.js';
import { writingScenarios } from './writing.js';

export const scenarios: readonly Scenario[] = [
  ...accessScenarios,
  ...writingScenarios,
  ...repairScenarios,
  ...endOfFileScenarios,
  ...sharingScenarios,
  ...callScenarios,
  ...hugePageScenarios,
];
