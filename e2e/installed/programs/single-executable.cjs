// The main program of a single executable: unpacks the addon, which cannot be loaded out of the executable, and names it.
const { chmodSync, mkdtempSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { getRawAsset } = require('node:sea');

const file = path.join(mkdtempSync(path.join(tmpdir(), 'single-executable-')), 'safe-pmem.node');
writeFileSync(file, Buffer.from(getRawAsset('safe-pmem.node')));
chmodSync(file, 0o700);
process.env.SAFE_PMEM_BINARY = file;
require('./five-ways.mjs');
