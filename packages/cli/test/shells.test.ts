import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/command-specs.js';
import { completionFor, manPage } from '../src/index.js';
import { BIN } from './scratch.js';

/** A shell complains of a locale that is not installed. */
const env = { ...process.env, LC_ALL: 'C.UTF-8' };

/** What bash offers for the last word. */
function offered(...words: string[]): string[] {
  const script = `${completionFor('bash')}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_safe_pmem; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], {
    encoding: 'utf8',
    cwd: path.dirname(BIN),
    env,
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

const isInstalled = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

describe('completion', () => {
  it('offers commands, their options, and files in bash', () => {
    expect(offered('safe-pmem', 're')).toEqual(['repair', 'report']);
    expect(offered('safe-pmem', 'repair', '--f')).toEqual(['--from', '--fill']);
    expect(offered('safe-pmem', 'map', 'bin.j').sort()).toEqual(['bin.js', 'bin.js.map']);
    expect(offered('safe-pmem', 'completion', 'b')).toEqual(['bash']);
  });

  it.skipIf(!isInstalled('fish'))('offers commands, their options and shells in fish', () => {
    const offers = (line: string): string[] => {
      const script = `${completionFor('fish')}\ncomplete -C '${line}'`;
      const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], { encoding: 'utf8', env });
      expect(stderr).toBe('');
      return stdout.split('\n').filter((offer) => offer !== '').map((offer) => offer.split('\t')[0] ?? '');
    };
    expect(offers('safe-pmem sal')).toEqual(['salvage']);
    expect(offers('safe-pmem repair --l')).toEqual(['--leave-lost']);
    expect(offers('safe-pmem completion ')).toEqual(['bash', 'fish', 'zsh']);
  });

  it.skipIf(!isInstalled('zsh'))('is a script that zsh loads and registers', () => {
    const script = `autoload -Uz compinit; compinit -u -D; ${completionFor('zsh')}\nprint -r -- $_comps[safe-pmem]`;
    const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', script], { encoding: 'utf8', env });
    expect({ stdout, stderr }).toEqual({ stdout: '_safe_pmem\n', stderr: '' });
  });

  it.each(['bash', 'zsh', 'fish'] as const)('knows every command and option in %s', (shell) => {
    const script = completionFor(shell);
    for (const { name, options } of COMMANDS) {
      expect(script).toContain(name);
      for (const { flags } of options)
        expect(script).toContain(shell === 'fish' ? `-l ${flags.slice(2).split(' ')[0] ?? ''}` : flags.split(' ')[0]);
    }
  });
});

describe('the man page', () => {
  it('is built, and has every command, option and exit status', () => {
    const built = path.join(path.dirname(BIN), 'safe-pmem.1');
    if (!existsSync(built)) throw new Error(`${built} is missing: npm run build`);
    const { version } = JSON.parse(readFileSync(path.join(path.dirname(BIN), '..', 'package.json'), 'utf8')) as {
      version: string;
    };
    const page = readFileSync(built, 'utf8');
    expect(page).toBe(manPage(version));
    for (const { name, options } of COMMANDS) {
      expect(page).toContain(`.SS safe\\-pmem ${name}`);
      for (const { flags } of options) expect(page).toContain(`.B ${flags.replaceAll('-', '\\-')}`);
    }
    for (const status of ['0', '1', '2', '64']) expect(page).toContain(`.B ${status}\n`);
  });

  it('has no line that roff would take for a request', () => {
    const known = /^\.(TH|SH|SS|TP|PP|B|I|br|EX|EE)( |$)/;
    for (const line of manPage('1').split('\n')) if (/^[.']/.test(line)) expect(line).toMatch(known);
  });
});
