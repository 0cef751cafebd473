import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

const apiSidebar = fileURLToPath(new URL('../build/pages/api/typedoc-sidebar.json', import.meta.url));
const api = existsSync(apiSidebar) ? JSON.parse(readFileSync(apiSidebar, 'utf8')) : [];
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** The few modules of Node that core and the mock use, as far as they use them. */
const nodeModule = (name: string, file = name) => ({ find: `node:${name}`, replacement: here(`theme/playground/node/${file}.ts`) });
const page = (text: string, link: string) => ({ text, link });

export default defineConfig({
  title: 'safe-pmem',
  description: 'Persistent-memory files for Node.js in which a media error is an ordinary error',
  srcDir: 'build/pages',
  outDir: 'build/html',
  cacheDir: 'build/cache',
  base: process.env.SITE_BASE ?? '/',
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  vite: {
    define: { 'process.versions.node': '"20.0.0"' },
    resolve: {
      alias: [
        { find: /^@safe-pmem\/(core|mock)$/, replacement: here('../../packages/$1/src/index.ts') },
        ...['buffer', 'crypto', 'util', 'path'].map((name) => nodeModule(name)),
        nodeModule('async_hooks', 'async-hooks'),
        nodeModule('diagnostics_channel', 'diagnostics-channel'),
        nodeModule('timers/promises', 'timers-promises'),
      ],
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      page('Guide', '/guides/test-with-the-mock'),
      page('Concepts', '/concepts/poison'),
      page('Reference', '/reference/errors'),
      page('API', '/api/'),
      page('Playground', '/playground'),
      page('Internals', '/internals/architecture'),
    ],
    sidebar: {
      '/api/': api,
      '/': [
        { text: 'Concepts', items: [page('Poison', '/concepts/poison'), page('How a repair works', '/concepts/repair')] },
        {
          text: 'Guide, by task',
          items: [
            page('A file in production', '/guides/a-file-in-production'),
            page('Test your engine on the mock', '/guides/test-with-the-mock'),
            page('Test with real signals', '/guides/test-with-real-signals'),
            page('Explore your engine', '/guides/explore-your-engine'),
            page('Bodies worth exploring', '/guides/bodies-worth-exploring'),
            page('A write-ahead log', '/guides/write-ahead-log'),
            page('A store of your own', '/guides/make-your-own-store'),
            page('A replicated log', '/guides/replicated-log'),
            page('Write a driver', '/guides/write-a-driver'),
            page('A media error was reported', '/guides/a-media-error-was-reported'),
            page('Troubleshooting', '/guides/troubleshooting'),
          ],
        },
        {
          text: 'Reference',
          items: [
            page('Errors', '/reference/errors'),
            page('The command safe-pmem', '/reference/cli'),
            page('Kernels and filesystems', '/reference/kernel-matrix'),
            page('Memory errors', '/reference/memory-errors'),
            page('Other filesystems', '/reference/filesystems'),
            page('Glossary', '/reference/glossary'),
            page('API', '/api/'),
          ],
        },
        {
          text: 'Internals',
          collapsed: true,
          items: [
            page('Architecture', '/internals/architecture'),
            page('The SIGBUS guard', '/internals/sigbus'),
            page('Testing', '/internals/testing'),
            page('Performance', '/internals/performance'),
            page('Security', '/internals/security'),
            page('Hardening of native', '/internals/native-hardening'),
            page('The score of the mutants', '/internals/mutants'),
            page('Releasing', '/internals/releasing'),
            page('Decisions', '/decisions/'),
          ],
        },
      ],
    },
    outline: [2, 3],
  },
});
