/** The bundler that builds the packages renames a class that mentions itself; people see names, in errors and logs. */
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import * as coreModule from '@safe-pmem/core';
import * as mockModule from '@safe-pmem/mock';

const require = createRequire(import.meta.url);

const builds: readonly [name: string, core: object, mock: typeof mockModule][] = [
  ['ES modules', coreModule, mockModule],
  ['CommonJS', require('@safe-pmem/core') as object, require('@safe-pmem/mock') as typeof mockModule],
];

test.each(builds)('classes print under their names: %s', (_, core, mock) => {
  const exported = [core, mock].flatMap((module) => Object.entries(module) as [string, unknown][]);
  const classes = exported.filter(([, value]) => typeof value === 'function' && String(value).startsWith('class'));
  const names = classes.map(([name]) => name);
  expect(names).toEqual(expect.arrayContaining(['PmemFile', 'PmemError', 'MediaError', 'KernelOops']));
  expect(classes.map(([, value]) => (value as { readonly name: string }).name)).toEqual(names);
  const driver = mock.mockDriver();
  expect([driver.constructor.name, driver.process('a').constructor.name]).toEqual(['MockDriver', 'MockProcess']);
});
