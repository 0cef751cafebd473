import { defineConfig } from 'vitest/config';
import { testOptions } from '../../vitest.base.js';

export default defineConfig({ test: testOptions });
