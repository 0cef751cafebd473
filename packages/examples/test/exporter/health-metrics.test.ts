import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { expect, it, onTestFinished } from 'vitest';
import { HealthMetrics } from '../../src/exporter/index.js';

const PATH = '/pmem/file';

async function scene(): Promise<{ driver: ReturnType<typeof mockDriver>; file: PmemFile; metrics: HealthMetrics }> {
  const driver = mockDriver();
  const file = await PmemFile.open(PATH, { driver, create: true, size: 65536 });
  file.write(new Uint8Array(65536).fill(1), 0);
  file.persist(0, 65536);
  const metrics = new HealthMetrics({ devices: driver.devices, paths: [PATH] });
  onTestFinished(() => { metrics.close(); });
  return { driver, file, metrics };
}

it('counts what the kernel lists, what programs meet, what watches notice, and what repairs do', async () => {
  const { driver, file, metrics } = await scene();
  await file.watch(() => undefined);
  driver.poison(PATH, { offset: 4096, length: 1 }, { latent: true });
  expect(() => { file.read(new Uint8Array(8), 4096); }).toThrow();
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  expect(await metrics.registry.metrics()).toContain('safe_pmem_device_bad_bytes{device="pmem0"} 512');
  await file.repair({ offset: 4096, length: 4096 });
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  const text = await metrics.registry.metrics();
  for (const line of [
    'safe_pmem_device_list_readable{device="pmem0"} 1',
    'safe_pmem_device_bad_bytes{device="pmem0"} 0',
    'safe_pmem_media_errors_total{operation="read",source="sigbus"} 1',
    'safe_pmem_watch_events_total{kind="new"} 1',
    'safe_pmem_watch_events_total{kind="cleared"} 1',
    'safe_pmem_repaired_units_total{outcome="cleared"} 1',
    'safe_pmem_lost_bytes_total 4096',
  ]) expect(text).toContain(line);
});

it('shows no number of bad bytes where the list cannot be read: that is not 0', async () => {
  const { driver, metrics } = await scene();
  driver.observe(({ name }) => (name === 'badBlocks' ? { errno: 13 } : undefined));
  const text = await metrics.registry.metrics();
  expect(text).toContain('safe_pmem_device_list_readable{device="pmem0"} 0');
  expect(text).not.toContain('safe_pmem_device_bad_bytes{');
});
