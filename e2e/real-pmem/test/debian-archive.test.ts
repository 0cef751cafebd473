import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DebianArchive, kernelPackages, parseTargets, widen } from '../src/host/debian-archive.js';
import { progressOn } from '../src/host/progress.js';

describe('Debian archive', () => {
  it('uses the main component of Debian alone', () => {
    const text = [
      'http://mirror/debian|bookworm|main|Debian',
      'http://mirror/debian|trixie|contrib|Debian',
      'http://mirror/debian-security|bookworm-security|main|Debian',
      'http://other/node|nodistro|main|. nodistro',
      'http://mirror/debian|bookworm|main|Debian',
      '',
    ].join('\n');
    expect(parseTargets(text)).toEqual([
      { site: 'http://mirror/debian', suite: 'bookworm' },
      { site: 'http://mirror/debian-security', suite: 'bookworm-security' },
    ]);
  });

  it('looks for other suites on the same sites, security suites on the security site only', () => {
    const wider = widen([{ site: 'd', suite: 'bookworm' }, { site: 's', suite: 'bookworm-security' }]);
    expect(wider).toContainEqual({ site: 'd', suite: 'bullseye' });
    expect(wider).toContainEqual({ site: 'd', suite: 'trixie-backports' });
    expect(wider).toContainEqual({ site: 's', suite: 'bullseye-security' });
    expect(wider.filter(({ site, suite }) => (site === 's') !== suite.endsWith('-security'))).toEqual([]);
    expect(new Set(wider.map(({ site, suite }) => `${site} ${suite}`)).size).toBe(wider.length);
  });

  it('takes stock kernels only', () => {
    const names = [
      'linux-image-6.1.0-56-amd64', 'linux-image-6.1.0-56-amd64-dbg', 'linux-image-6.1.0-56-amd64-unsigned', 'linux-image-6.1.0-56-cloud-amd64',
      'linux-image-6.1.0-56-rt-amd64', 'linux-image-6.12.117+deb12-amd64', 'linux-image-6.12-amd64', 'linux-image-6.12.90+deb12.1-amd64',
      'linux-image-7.3.4+deb13-amd64',
    ];
    expect(kernelPackages(names, '6.1')).toEqual(['linux-image-6.1.0-56-amd64']);
    expect(kernelPackages(names, '6.12')).toEqual(['linux-image-6.12.117+deb12-amd64', 'linux-image-6.12.90+deb12.1-amd64']);
    expect(kernelPackages(names, '7.3')).toEqual(['linux-image-7.3.4+deb13-amd64']);
    expect(kernelPackages(names, '6.11')).toEqual([]);
    const arm = ['arm64', 'arm64-16k', 'cloud-arm64'].map((flavour) => `linux-image-6.12.117+deb13-${flavour}`);
    expect(kernelPackages([...arm, ...names], '6.12', 'arm64')).toEqual(arm.slice(0, 1));
    expect(kernelPackages([...arm, ...names], '6.12', 'arm64-16k')).toEqual(arm.slice(1, 2));
  });
});

it('forgets the package lists of this run and of those that have ended, and not those of another', async () => {
  const cache = mkdtempSync(path.join(tmpdir(), 'safe-pmem-archive-'));
  onTestFinished(() => { rmSync(cache, { recursive: true }); });
  // No process has the last of these numbers: Linux counts to 2^22 at most.
  for (const owner of [process.pid, process.ppid, 2 ** 22 + 1, 'machine']) {
    mkdirSync(path.join(cache, 'apt', String(owner), 'lists'), { recursive: true });
  }
  await new DebianArchive(cache, progressOn(() => undefined)).forgetLists();
  expect(readdirSync(path.join(cache, 'apt'))).toEqual([String(process.ppid)]);
});
