import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { Wal } from '@safe-pmem/examples/wal';
import { nativeDriver } from '@safe-pmem/native';
const dir = process.argv[2]; const writers = Number(process.argv[3]); const bytes = Number(process.argv[4]);
const file = await PmemFile.open(path.join(dir, 'w'), { driver: nativeDriver(), create: true, size: 64*2**20, preallocate: true });
const wal = await Wal.open({ file, create: true });
const payload = Buffer.alloc(bytes, 5); const payloads = Array.from({length: writers}, () => payload);
for (let r = 0; r < 8; r++) {
  const t = process.hrtime.bigint(); let n = 0;
  const c = process.cpuUsage();
  while (Number(process.hrtime.bigint() - t) < 5e8) { for (let i = 0; i < 480; i += writers) { await Promise.all(payloads.map((p) => wal.appendDurable(p))); n += writers; } wal.truncate(wal.lastSequence); }
  const d = process.cpuUsage(c);
  console.log(Math.round(n / (Number(process.hrtime.bigint() - t) / 1e9)), 'commits/s; cpu ns each', Math.round((d.user + d.system) * 1000 / n), 'user', Math.round(d.user*1000/n));
}
wal.close(); await file.close();
import { unlinkSync } from 'node:fs'; unlinkSync(path.join(dir, 'w'));
