// Installs the command `safe-pmem` as an administrator does, in a root that holds Node, npm and nothing else (no shell,
// no compiler): globally, from a registry, with its man page; and puts the completion scripts where shells look for
// them. Then man and the shells of this machine read what is in that root. Needs x86-64 Debian, root, man, bash, zsh
// and fish, and the build (`npm run build`). What cannot be run here fails, and says what is missing.
//
//   npm run test:command-installed
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from './registry.mjs';
import { cache, makeBareRoot, MissingPrerequisite, requireLinuxTools, root, run, runIn } from './userland.mjs';

const NPM = '/opt/npm/bin/npm-cli.js';
const PREFIX = '/usr/local';

function packed(folder, manifestFolder, ...options) {
  const before = new Set(readdirSync(folder));
  // Binaries for other machines are test:install's affair.
  run('npm', ['pack', '--silent', '--ignore-scripts', ...options, '--pack-destination', folder], { cwd: root });
  const [name] = readdirSync(folder).filter((file) => !before.has(file));
  const manifest = JSON.parse(readFileSync(path.join(manifestFolder, 'package.json'), 'utf8'));
  return { manifest, tarball: path.join(folder, name) };
}

function packAll() {
  const folder = path.join(cache, 'packed-command');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const ours = ['core', 'native', 'cli'].map((name) => {
    const workspace = path.join(root, 'packages', name);
    if (!existsSync(path.join(workspace, 'dist'))) throw new MissingPrerequisite(`packages/${name} is not built`);
    return packed(folder, workspace, '-w', `@safe-pmem/${name}`);
  });
  const commander = [path.join(root, 'packages', 'cli'), root]
    .map((where) => path.join(where, 'node_modules', 'commander'))
    .find((where) => existsSync(where));
  return [...ours, packed(folder, commander, commander)];
}

function requireReaders() {
  for (const name of ['man', 'bash', 'zsh', 'fish']) {
    if (spawnSync(name, ['--version']).status !== 0) throw new MissingPrerequisite(`${name} does not run: install it`);
  }
}

/** What a shell of this machine offers for `safe-pmem rep`, with the scripts of `place` alone. */
const OFFERS = {
  bash: {
    at: `${PREFIX}/share/bash-completion/completions/safe-pmem`,
    command: (file) => ['bash', '--norc', '-c', `. '${file}'
      COMP_WORDS=(safe-pmem rep); COMP_CWORD=1
      "$(complete -p safe-pmem | sed 's/.*-F \\([^ ]*\\).*/\\1/')"; printf '%s\\n' "\${COMPREPLY[@]}"`],
    says: ['repair', 'report'],
  },
  fish: {
    at: `${PREFIX}/share/fish/vendor_completions.d/safe-pmem.fish`,
    // fish loads no completion of a command that is not there.
    command: (file, place) => ['env',
      `XDG_DATA_DIRS=${path.join(place, PREFIX, 'share')}`, `HOME=${path.join(place, 'home')}`,
      `PATH=${path.join(place, PREFIX, 'bin')}:${process.env.PATH}`,
      'fish', '-c', "cd /; complete -C 'safe-pmem rep' | string replace -r '\\t.*' ''"],
    says: ['repair', 'report'],
  },
  zsh: {
    at: `${PREFIX}/share/zsh/site-functions/_safe-pmem`,
    command: (file) => ['zsh', '-f', '-c',
      `fpath=('${path.dirname(file)}' $fpath); autoload -Uz compinit; compinit -u -D; print -r -- $_comps[safe-pmem]`],
    says: ['_safe-pmem'],
  },
};

async function main() {
  requireLinuxTools();
  requireReaders();
  const packages = packAll();
  const registry = await startRegistry(packages);
  const place = makeBareRoot(path.join(cache, 'bare-command'));
  try {
    cpSync(path.dirname(path.dirname(realpathSync(run('which', ['npm']).trim()))), path.join(place, 'opt', 'npm'), {
      recursive: true,
    });
    const env = {
      PATH: `${PREFIX}/bin:/usr/bin`,
      npm_config_registry: registry.url, npm_config_prefix: PREFIX, npm_config_audit: 'false', npm_config_fund: 'false',
      npm_config_update_notifier: 'false',
    };
    runIn(place, ['/usr/bin/node', NPM, 'install', '--global', '@safe-pmem/cli'], { env });
    const safePmem = (...argv) => runIn(place, ['/usr/bin/node', `${PREFIX}/bin/safe-pmem`, ...argv], { env });
    assert.match(safePmem('--help'), /check .*which files are damaged/s);
    console.log('installed: safe-pmem --help');

    const manual = path.join(place, PREFIX, 'share', 'man');
    // npm puts a link there.
    const found = run('man', ['-M', manual, '-w', 'safe-pmem']).trim();
    assert.equal(found, realpathSync(path.join(manual, 'man1', 'safe-pmem.1')));
    const env100 = { ...process.env, MANWIDTH: '100', LC_ALL: 'C.UTF-8' };
    const page = run('man', ['-M', manual, 'safe-pmem'], { env: env100 });
    for (const text of ['safe-pmem check', 'EXIT STATUS', '--leave-lost']) assert.ok(page.includes(text), text);
    console.log(`man page: ${page.split('\n').length} lines`);

    for (const [shell, { at, command, says }] of Object.entries(OFFERS)) {
      const file = path.join(place, at);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, safePmem('completion', shell));
      const [program, ...args] = command(file, place);
      assert.deepEqual(run(program, args).trim().split('\n').sort(), says);
      console.log(`${shell}: ${at}`);
    }
  } finally {
    await registry.stop();
    rmSync(place, { recursive: true, force: true });
  }
}

main().catch((error) => {
  console.error(error instanceof MissingPrerequisite ? `cannot run here: ${error.message}` : error);
  process.exitCode = 1;
});
