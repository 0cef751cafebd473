/** core and mock as they are built, on what a program sees of macOS and of Windows: other-systems/pretend.mjs. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

function runContract(platform: string): { readonly passed: number; readonly failed: readonly string[] } {
  const url = (name: string): string => new URL(`other-systems/${name}.mjs`, import.meta.url).href;
  const program = `await import(${JSON.stringify(url('contract'))})`;
  const args = ['--import', url('pretend'), '--test-reporter=tap', '--input-type=module', '--eval', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    cwd: new URL('.', import.meta.url),
    env: { ...process.env, PRETENDED_PLATFORM: platform },
  });
  const results = [...stdout.matchAll(/^ +(ok|not ok) \d+ - (.*)$/gm)];
  const failed = results.filter(([, verdict]) => verdict === 'not ok').map(([, , name]) => name ?? '');
  return { passed: results.length - failed.length, failed: stdout === '' ? [stderr] : failed };
}

it.each(['darwin', 'win32'])('the contract passes where the platform is %s', (platform) => {
  const { passed, failed } = runContract(platform);
  expect(failed).toEqual([]);
  expect(passed).toBeGreaterThan(100);
});
