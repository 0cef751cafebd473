import { defineConfig } from 'vitest/config';
import { testOptionsOf } from '../../vitest.base.js';

const needsLinux = ['test/pictures.test.ts', 'test/real-files.test.ts', 'test/shells.test.ts', 'test/terminal.test.ts'];

export default defineConfig({ test: testOptionsOf({ needsLinux }) });
