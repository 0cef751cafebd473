// `--import` of this shows a program another system, as far as JavaScript can: the platform, what `process` lacks there
// and the rules of its paths. PRETENDED_PLATFORM says which.
import { register } from 'node:module';

const platform = process.env.PRETENDED_PLATFORM;
Object.defineProperty(process, 'platform', { value: platform });
if (platform === 'win32') {
  for (const name of ['getuid', 'geteuid', 'getgid', 'getegid', 'getgroups']) delete process[name];
}
register('./hooks.mjs', import.meta.url, { data: { platform } });
