import { defineConfig } from 'vitest/config';
import { testOptionsOf } from '../../vitest.base.js';

const needsLinux = ['test/pictures.test.ts', 'test/real-files.test.ts', 'test/shells.test.ts', 'test/terminal.test.ts'];

// No file leaves anything behind for the next: one process for many, since loading is most of what they take.
export default defineConfig({ test: { ...testOptionsOf({ needsLinux }), isolate: false } });
