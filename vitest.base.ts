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

/**
 * `needsLinux`: the test files that open files with nativeDriver(), or run a program of Linux. Elsewhere they are left
 * out and named. `npm run tidy` compares the list with what the files do.
 */
export function testOptionsOf({ needsLinux }: { readonly needsLinux: readonly string[] }) {
  if (process.platform === 'linux') return testOptions;
  console.warn(`not run on ${process.platform}, since they need Linux: ${needsLinux.join(', ')}`);
  return { ...testOptions, exclude: [...needsLinux] };
}
