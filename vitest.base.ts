/** What the tests of all packages have in common. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

export const testOptions = {
  include: ['test/**/*.test.ts'],
  setupFiles: [fileURLToPath(new URL('vitest.setup.ts', import.meta.url))],
  // How long a test takes on a busy machine says nothing about what it tests.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // Vitest would leave one processor of two alone, and many tests wait for processes and timers.
  maxWorkers: Math.max(2, availableParallelism() - 1),
};
