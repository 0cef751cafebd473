/**
 * Prometheus metrics of a process that uses PmemFile, from the diagnostics channels, and of the devices under its
 * files, from the kernel's lists. Nothing is polled between scrapes: a device is asked when Prometheus asks.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ChannelListener } from 'node:diagnostics_channel';
import type { DeviceDriver, MediaErrorEvent, RepairEvent, WatchNotice } from '@safe-pmem/core';
import { MEDIA_ERROR_CHANNEL, REPAIR_CHANNEL, totalLength, WATCH_CHANNEL } from '@safe-pmem/core';
import { Counter, Gauge, Registry } from 'prom-client';

export interface HealthMetricsOptions {
  /** Of the driver that opens the files. */
  readonly devices: DeviceDriver;
  /** One path on each filesystem whose device is to be shown. */
  readonly paths: readonly string[];
  /** Default: a registry of their own. */
  readonly registry?: Registry;
}

/**
 * Metrics that are exported with `await metrics.registry.metrics()`. close() ends the counting.
 *
 * @example
 * const metrics = new HealthMetrics({ devices: driver.devices, paths: ['/mnt/pmem'] });
 * createServer(async (_, response) => response.end(await metrics.registry.metrics())).listen(9464);
 */
export class HealthMetrics {
  readonly registry: Registry;
  readonly #listeners: readonly (readonly [string, ChannelListener])[];

  constructor({ devices, paths, registry = new Registry() }: HealthMetricsOptions) {
    this.registry = registry;
    deviceGauges(devices, paths, registry);
    this.#listeners = [mediaErrors(registry), watchEvents(registry), repairs(registry)];
    for (const [channel, listener] of this.#listeners) subscribe(channel, listener);
  }

  close(): void {
    for (const [channel, listener] of this.#listeners) unsubscribe(channel, listener);
  }
}

function deviceGauges(devices: DeviceDriver, paths: readonly string[], registry: Registry): void {
  let asking: Promise<void> | undefined;
  // Prometheus is answered by both gauges at once: they ask the devices together.
  const collect = (): Promise<void> => {
    asking ??= ask(devices, paths, readable, bad).finally(() => { asking = undefined; });
    return asking;
  };
  const readable = new Gauge({
    name: 'safe_pmem_device_list_readable',
    help: "1 if the kernel's list of bad blocks of the device can be read; 0 means that its health is unknown",
    labelNames: ['device'],
    registers: [registry],
    collect,
  });
  const bad = new Gauge({
    name: 'safe_pmem_device_bad_bytes',
    help: 'Bytes of the device that the kernel lists as bad; absent if the list cannot be read',
    labelNames: ['device'],
    registers: [registry],
    collect,
  });
}

type DeviceGauge = Gauge<'device'>;

async function ask(
  devices: DeviceDriver, paths: readonly string[], readable: DeviceGauge, bad: DeviceGauge,
): Promise<void> {
  readable.reset();
  bad.reset();
  for (const path of paths) {
    const found = await devices.ofPath(path);
    if (!('device' in found)) {
      readable.set({ device: path }, 0);
      continue;
    }
    const { id, name } = found.device;
    const list = await devices.badBlocks(id);
    readable.set({ device: name }, list.supported ? 1 : 0);
    // No value rather than 0: what cannot be told is not healthy.
    if (list.supported) bad.set({ device: name }, totalLength(list.ranges));
  }
}

function mediaErrors(registry: Registry): readonly [string, ChannelListener] {
  const counter = new Counter({
    name: 'safe_pmem_media_errors_total',
    help: 'Media errors that came to light, by what met them and how',
    labelNames: ['operation', 'source'],
    registers: [registry],
  });
  return [
    MEDIA_ERROR_CHANNEL,
    (message) => {
      const { operation, source } = (message as MediaErrorEvent).error;
      counter.inc({ operation, source });
    },
  ];
}

function watchEvents(registry: Registry): readonly [string, ChannelListener] {
  const counter = new Counter({
    name: 'safe_pmem_watch_events_total',
    help: 'Changes that watches have noticed: new and cleared errors, lists that cannot be read any more',
    labelNames: ['kind'],
    registers: [registry],
  });
  return [WATCH_CHANNEL, (message) => { counter.inc({ kind: (message as WatchNotice).event.kind }); }];
}

function repairs(registry: Registry): readonly [string, ChannelListener] {
  const units = new Counter({
    name: 'safe_pmem_repaired_units_total',
    help: 'Units that repairs have worked on, by what became of them',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const lost = new Counter({
    name: 'safe_pmem_lost_bytes_total',
    help: 'Bytes that repairs had to record as lost',
    registers: [registry],
  });
  return [
    REPAIR_CHANNEL,
    (message) => {
      for (const { outcome, tombstoned } of (message as RepairEvent).receipt.units) {
        if (outcome === 'healthy') continue;
        units.inc({ outcome });
        lost.inc(totalLength(tombstoned));
      }
    },
  ];
}
