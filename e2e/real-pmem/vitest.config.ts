import { defineConfig } from 'vitest/config';
import { testOptions } from '../../vitest.base.js';

// No file leaves anything behind for the next: one process for many, since loading is most of what they take.
export default defineConfig({ test: { ...testOptions, isolate: false } });
