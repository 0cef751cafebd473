import { defineConfig } from 'vitest/config';

// Most tests run through hundreds of crash points; how long that takes on a busy machine says nothing about the engine.
export default defineConfig({ test: { include: ['test/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 } });
