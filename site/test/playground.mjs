/**
 * The playground in a real browser: npm run docs && node site/test/playground.mjs. Needs Debian's chromium (or CHROMIUM), and serves
 * the built site from a folder on loopback. Fails on any error on the page's console.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const html = fileURLToPath(new URL('../build/html', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.woff2': 'font/woff2' };

const server = createServer((request, response) => {
  const asked = new URL(request.url ?? '/', 'http://localhost').pathname;
  const file = path.join(html, asked.endsWith('/') ? `${asked}index.html` : asked);
  readFile(file).then(
    (bytes) => response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' }).end(bytes),
    () => response.writeHead(404).end(),
  );
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });
try {
  const page = await browser.newPage({ viewport: { width: 1300, height: 1500 } });
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(`http://127.0.0.1:${server.address().port}/playground.html`);
  const log = page.getByRole('log');
  const said = async (words) => {
    await log.getByText(words).last().waitFor({ timeout: 60_000 }).catch(async (error) => {
      throw new Error(`the page never said '${words}', but:\n${await log.innerText()}\n${problems.join('\n')}`, { cause: error });
    });
  };
  const press = (name) => page.getByRole('button', { name, exact: true }).click();
  await said('a new machine');

  await press('Poison it');
  await page.getByRole('button', { name: /^page 2, poisoned/ }).waitFor();
  await press('Read it');
  await said('ERR_PMEM_MEDIA');
  await press('Repair the file');
  await said('page 2 cleared by recovery-write');
  await press('Read it');
  await said('read page 2: 4096 bytes, all "C"');

  await press('Poison it');
  await page.getByLabel('rebuild from a replica').uncheck();
  await press('Repair the file');
  await page.getByRole('button', { name: /^page 2, lost/ }).waitFor();
  await press('Read it');
  await said('ERR_PMEM_LOST');
  await press('Power fails');
  await said('power failed');
  await page.getByRole('button', { name: /^page 2, lost/ }).waitFor();
  if (process.argv[2] !== undefined) await page.screenshot({ path: process.argv[2] });

  await page.getByLabel('Filesystem').selectOption('xfs');
  await said('xfs');
  await page.getByLabel('the device can clear poison').uncheck();
  await said('the device cannot clear');
  await page.getByRole('button', { name: /^page 2, healthy/ }).focus();
  await page.keyboard.press('Enter');
  await press('Poison it');
  await page.getByLabel('Strategy').selectOption('zero-range');
  await page.getByLabel('allowRelocation').check();
  await page.getByLabel('rebuild from a replica').check();
  await press('Repair the file');
  await said('page 2 relocated by zero-range');
  await press('Another file grows');
  await said('another file grows by two pages');
  assert.deepEqual(problems, []);
  console.log(await log.innerText());
  console.log('the playground works');
} finally {
  await browser.close();
  server.close();
}
