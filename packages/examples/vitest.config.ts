import { defineConfig } from 'vitest/config';
import { testOptionsOf } from '../../vitest.base.js';

const needsLinux = [
  'test/demo/demo.test.ts',
  'test/demo/store-demos.test.ts',
  'test/engines/failed-open.test.ts',
  'test/engines/second-writer.test.ts',
  'test/level/locked.test.ts',
  'test/level/lost-device.test.ts',
  'test/level/places.test.ts',
  'test/level/published-suite.test.ts',
  'test/pages/native.test.ts',
  'test/replicated/two-hosts.test.ts',
  'test/wal/kill.test.ts',
  'test/wal/preallocation.test.ts',
];

export default defineConfig({ test: testOptionsOf({ needsLinux }) });
