import { defineConfig } from 'vitest/config';
import { testOptions } from '../../vitest.base.js';

/**
 * These look at their process from outside, or leave nothing behind in it: one process for many, since starting and
 * loading is most of what they take. The others fault, map and poison in a process of their own.
 */
const together = [
  'test/sigbus/*.test.ts',
  'test/{arguments,binary-facts,block-device,build-addon,journal-file,permission,what-device,window-cache}.test.ts',
  'test/neighbours/{no-room,odd-filesystems,processes,refused-statx,whose-journal}.test.ts',
];
const { include, ...options } = testOptions;

/** Twice the limit of a child (test/sigbus/child.ts): that one says what the child had printed, and comes first. */
const testTimeout = 2 * Number(process.env.SAFE_PMEM_TEST_LIMIT_MS ?? options.testTimeout);

export default defineConfig({
  test: {
    ...options,
    testTimeout,
    projects: [
      { extends: true, test: { name: 'together', include: together, isolate: false } },
      { extends: true, test: { name: 'isolated', include, exclude: together } },
    ],
  },
});
