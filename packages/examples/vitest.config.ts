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

/** Each in a process of its own: these put other modules, another clock or another disk in place of the real ones. */
const isolated = [
  'test/**/planted*.test.ts',
  'test/level/{flush-place,layers}.test.ts',
  'test/node-fs/*.test.ts',
  'test/pages/{flush-place,give-back-crash}.test.ts',
];
/** They try the explorations, not the engines: `npm run test:states`, which sets the variable, has time for them. */
const ofExplorations = process.env.EXPLORED_STATES === undefined ? ['test/**/planted*.test.ts'] : [];
const { include, exclude: elsewhere, ...options } = { exclude: [], ...testOptionsOf({ needsLinux }) };
const exclude = [...elsewhere, ...ofExplorations];

export default defineConfig({
  test: {
    ...options,
    projects: [
      { extends: true, test: { name: 'isolated', include: isolated, exclude } },
      // One process for many of the others, since loading is most of what they take.
      { extends: true, test: { name: 'together', include, exclude: [...exclude, ...isolated], isolate: false } },
    ],
  },
});
