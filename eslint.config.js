import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Every way in: by name, or by a path into its folder. */
const doorsOf = (name) => [name, `${name}/*`, ...['src', 'dist', 'test'].map((part) => `**/${name.split('/')[1]}/${part}/**`)];

/** One wall: files of `packages/<name>` may not import the packages listed. */
const wall = (name, forbidden, why) => ({
  files: [`packages/${name}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ group: forbidden.flatMap(doorsOf), message: why }] },
    ],
  },
});

export default defineConfig(
  // tsup and vitest write the first two beside their configurations while they start, which may be while a lint runs.
  globalIgnores(['**/*.bundled_*.mjs', '**/*.timestamp-*.mjs', '**/dist/**', '**/build/**', '**/binary/**', '**/coverage/**', '**/node_modules/**', '.nx/**']),
  js.configs.recommended,
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly', console: 'readonly', Buffer: 'readonly', setTimeout: 'readonly', setImmediate: 'readonly',
        clearTimeout: 'readonly', URL: 'readonly', require: 'readonly', module: 'readonly', performance: 'readonly',
        AbortController: 'readonly', structuredClone: 'readonly', WeakRef: 'readonly', SharedArrayBuffer: 'readonly', Atomics: 'readonly', globalThis: 'readonly',
        setInterval: 'readonly', clearInterval: 'readonly', queueMicrotask: 'readonly', TextDecoder: 'readonly', TextEncoder: 'readonly',
      },
    },
  },
  { files: ['**/*.jest.cjs'], languageOptions: { globals: { test: 'readonly', expect: 'readonly' } } },
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      // It asks for `x!`, which no-non-null-assertion forbids: an index known to be in bounds is asserted with `as`.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: "CallExpression[callee.property.name='only']", message: 'A focused test hides the others.' },
      ],
    },
  },
  wall('core', ['@safe-pmem/native', '@safe-pmem/mock', '@safe-pmem/examples', '@safe-pmem/cli'], 'core knows no driver: the application hands one in.'),
  wall('native', ['@safe-pmem/mock', '@safe-pmem/examples', '@safe-pmem/cli'], 'native depends on core alone.'),
  {
    files: ['packages/core/src/**', 'packages/native/src/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "ImportDeclaration[source.value='node:fs/promises']",
          message: 'It ends the process if a worker is terminated beside it: packages/native/src/file-calls.ts.',
        },
      ],
    },
  },
  wall('mock', ['@safe-pmem/native', '@safe-pmem/examples', '@safe-pmem/cli'], 'mock depends on core alone.'),
);
