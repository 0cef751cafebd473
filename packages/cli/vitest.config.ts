import { defineConfig } from 'vitest/config';

// How long a test takes on a busy machine says nothing about what it tests.
export default defineConfig({ test: { include: ['test/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 } });
