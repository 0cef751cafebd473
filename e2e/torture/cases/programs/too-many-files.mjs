// Opens one file again and again until the process may have no more, and prints the code.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { spawnSync } from 'node:child_process';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

const [, program, folder, limited] = process.argv;
if (limited === undefined) {
  const command = `ulimit -n 128; exec "${process.execPath}" "${program}" "${folder}" limited`;
  const { stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
} else {
  const file = path.join(folder, 'file');
  writeFileSync(file, Buffer.alloc(4096));
  const opened = [];
  try {
    for (;;) opened.push(await PmemFile.open(file, { driver: nativeDriver(), readOnly: true }));
  } catch (error) {
    console.log(error.code);
  }
  process.exit(0);
}
