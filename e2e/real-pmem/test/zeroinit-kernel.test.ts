import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRecipe, recipeKey, unmetOptions, zeroinitKernel } from '../src/host/zeroinit-kernel.js';

const TREE = path.join(import.meta.dirname, '..', '..', '..');
const DIRECTORY = path.join(TREE, 'e2e', 'real-pmem', 'zeroinit-kernel');
const scratch = mkdtempSync(path.join(os.tmpdir(), 'safe-pmem-zeroinit-'));
afterAll(() => { rmSync(scratch, { recursive: true }); });

describe('the kernel that is built here', () => {
  it('has patches in the order of their numbers, each with a subject, and a license of their own', async () => {
    const { patches } = await readRecipe(TREE);
    expect(patches.map(({ name }) => Number(name.slice(0, 4)))).toEqual(patches.map((_, index) => index + 1));
    for (const { text } of patches) {
      expect(text).toMatch(/^Subject: \[PATCH \d+\/\d+\] [\w/]+: .+$/m);
      expect(text).not.toMatch(/^(---|\+\+\+) (?!a\/|b\/|\/dev\/null)\S/m);
    }
    expect(readdirSync(DIRECTORY)).toContain('LICENSE');
    expect(readFileSync(path.join(DIRECTORY, 'LICENSE'), 'utf8')).toContain('SPDX-License-Identifier: GPL-2.0-only');
  });

  it('is built again if a patch, the configuration or the source changes, and only then', async () => {
    const recipe = await readRecipe(TREE);
    const key = recipeKey(recipe, '6.12.117-1');
    expect(recipeKey(await readRecipe(TREE), '6.12.117-1')).toBe(key);
    const others = [
      recipeKey(recipe, '6.12.118-1'),
      recipeKey({ ...recipe, config: `${recipe.config}CONFIG_NUMA=y\n` }, '6.12.117-1'),
      recipeKey({ ...recipe, patches: recipe.patches.slice(1) }, '6.12.117-1'),
      recipeKey({ ...recipe, patches: [...recipe.patches].reverse() }, '6.12.117-1'),
    ];
    expect(new Set([key, ...others]).size).toBe(5);
  });

  it('names the options that a configuration did not take, comments aside', () => {
    const fragment = '# CONFIG_A is needed\nCONFIG_A=y\nCONFIG_B=y\nCONFIG_NAME="-x"\n';
    expect(unmetOptions(fragment, 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_NAME="-x"\n')).toEqual(['CONFIG_B=y']);
  });

  it('leaves nothing of a source package that is not one', async () => {
    const progress = { step: () => undefined, elapsedSeconds: () => 0 };
    const archive = {
      downloadSource: (_series: string, target: string) => {
        const file = path.join(target, 'linux-source-6.12_6.12.1-1_all.deb');
        writeFileSync(file, 'not a package');
        return Promise.resolve(file);
      },
    };
    const options = { tree: TREE, cacheDirectory: scratch, refresh: false, archive, progress };
    await expect(zeroinitKernel(options)).rejects.toThrow(/dpkg-deb/);
    expect(readdirSync(path.join(scratch, 'kernels', 'zeroinit'))).toEqual(['linux-source-6.12_6.12.1-1_all.deb']);
  });
});
