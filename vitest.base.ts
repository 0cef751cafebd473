/** What the tests of all packages have in common. */
import { availableParallelism } from 'node:os';

export const testOptions = {
  include: ['test/**/*.test.ts'],
  // How long a test takes on a busy machine says nothing about what it tests.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // Vitest would leave one processor of two alone, and many tests wait for processes and timers.
  maxWorkers: Math.max(2, availableParallelism() - 1),
};
