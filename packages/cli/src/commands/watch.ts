/** safe-pmem watch: says when the kernel learns of an error, and when one is cleared, until it is interrupted. */
import type { ByteRange, DeviceFacts } from '@safe-pmem/core';
import { coalesce, formatRange, intersectAll, PmemError, subtract } from '@safe-pmem/core';
import type { Context } from '../context.js';
import { deviceUnder, devicesOf } from '../context.js';
import { ExitStatus } from '../exit-status.js';
import { nameText } from '../output/output.js';
import { joined, onDevice, survey } from './survey.js';

const SECTOR_BYTES = 512;

/** A listed range of the device and the file that has it; `name` is undefined if no file was found. */
interface Owned {
  readonly where: ByteRange;
  readonly name: string | undefined;
  readonly offset: number;
}

/** The watched ranges of one device. Holds as much as the kernel's list, which is a page at most. */
class DeviceWatcher {
  readonly #context: Context;
  readonly #device: DeviceFacts;
  readonly #paths: readonly string[];
  readonly #told: (kind: 'new' | 'cleared') => void;
  #listed: readonly ByteRange[] = [];
  #owned: Owned[] = [];
  #again = false;
  #running: Promise<void> | undefined;

  constructor(
    context: Context,
    device: DeviceFacts,
    paths: readonly string[],
    told: (kind: 'new' | 'cleared') => void,
  ) {
    this.#context = context;
    this.#device = device;
    this.#paths = paths;
    this.#told = told;
  }

  /** Resolves when changes are noticed; the returned function ends that. Throws ERR_PMEM_NOT_SUPPORTED. */
  async begin(): Promise<() => void> {
    const devices = devicesOf(this.#context);
    const [path = ''] = this.#paths;
    const outcome = await devices.watch(this.#device.id, () => {
      this.#changed();
    });
    if (!outcome.supported)
      throw new PmemError('ERR_PMEM_NOT_SUPPORTED', `cannot watch: ${outcome.reason}`, { path });
    const list = await devices.badBlocks(this.#device.id);
    if (!list.supported) {
      outcome.watch.close();
      throw new PmemError('ERR_PMEM_NOT_SUPPORTED', `cannot watch: ${list.reason}`, { path });
    }
    this.#listed = list.ranges;
    if (list.ranges.length > 0) this.#owned = await this.#ownersOf(list.ranges);
    for (const owned of this.#owned) this.#say('listed', owned);
    return () => {
      outcome.watch.close();
    };
  }

  async ended(): Promise<void> {
    await this.#running;
  }

  #changed(): void {
    this.#again = true;
    this.#running ??= this.#follow().finally(() => {
      this.#running = undefined;
    });
  }

  async #follow(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const list = await devicesOf(this.#context).badBlocks(this.#device.id);
      if (!list.supported) {
        this.#context.output.note(`the list of ${this.#device.name} cannot be read: ${list.reason}`);
        this.#context.output.record('unsupported', {
          time: this.#context.now().toISOString(),
          device: this.#device.id,
          reason: list.reason,
        });
        continue;
      }
      const cleared = subtract(this.#listed, list.ranges);
      const added = subtract(list.ranges, this.#listed);
      this.#listed = list.ranges;
      for (const owned of this.#owned.filter(({ where }) => intersectAll([where], cleared).length > 0))
        this.#say('cleared', owned);
      this.#owned = this.#owned.filter(({ where }) => intersectAll([where], cleared).length === 0);
      if (added.length === 0) continue;
      const owners = await this.#ownersOf(added);
      for (const owned of owners) this.#say('new', owned);
      this.#owned.push(...owners);
    }
  }

  async #ownersOf(ranges: readonly ByteRange[]): Promise<Owned[]> {
    const owners: Owned[] = [];
    for (const path of this.#paths) {
      for await (const answer of survey(this.#context, path, ranges)) {
        if (answer.kind !== 'file') continue;
        for (const block of joined(answer.blocks))
          owners.push({ where: onDevice(block), name: answer.file.name, offset: block.offset });
      }
    }
    const nobody = subtract(ranges, coalesce(owners.map(({ where }) => where)));
    return [...owners, ...nobody.map((where) => ({ where, name: undefined, offset: 0 }))];
  }

  #say(kind: 'listed' | 'new' | 'cleared', { where, name, offset }: Owned): void {
    const { output, now } = this.#context;
    const time = now();
    const sector = (this.#device.startBytes + where.offset) / SECTOR_BYTES;
    const range = { offset, length: where.length };
    const what =
      name === undefined
        ? `${this.#device.name} sector ${sector}, ${where.length} B   in no file that is watched and could be looked at`
        : `${nameText(this.#short(name))} ${formatRange(range)}   ${this.#device.name} sector ${sector}`;
    const color = kind === 'new' ? 'red' : kind === 'cleared' ? 'green' : 'yellow';
    output.line(`${time.toTimeString().slice(0, 8)}  ${output.paint(color, kind.padEnd(7))}  ${what}`);
    output.record(kind, {
      time: time.toISOString(),
      device: this.#device.id,
      deviceName: this.#device.name,
      sector,
      ...(name === undefined ? { length: where.length } : { path: name, ...range }),
    });
    if (kind !== 'listed') this.#told(kind);
  }

  /** The name within the directory that is watched. */
  #short(name: string): string {
    const folder = this.#paths
      .map((path) => `${path.replace(/\/+$/, '')}/`)
      .find((path) => name.startsWith(path) && name.length > path.length);
    return folder === undefined ? name : name.slice(folder.length);
  }
}

export async function watch(
  context: Context,
  paths: readonly string[],
  count: number | undefined,
): Promise<ExitStatus> {
  const { output, interrupted } = context;
  const devices = new Map<string, { device: DeviceFacts; paths: string[] }>();
  for (const path of paths) {
    const device = await deviceUnder(context, path);
    const one = devices.get(device.id) ?? { device, paths: [] };
    one.paths.push(path);
    devices.set(device.id, one);
  }
  let [events, found] = [0, 0];
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  interrupted.addEventListener(
    'abort',
    () => {
      end();
    },
    { once: true },
  );
  if (interrupted.aborted) end();
  const told = (kind: 'new' | 'cleared'): void => {
    if (kind === 'new') found++;
    if (++events === count) end();
  };
  const watchers = [...devices.values()].map((one) => new DeviceWatcher(context, one.device, one.paths, told));
  const release = context.stayAlive();
  const closes: (() => void)[] = [];
  try {
    for (const watcher of watchers) closes.push(await watcher.begin());
    output.note(`watching ${[...devices.values()].map(({ device }) => device.name).join(', ')}`);
    output.record('watching', { devices: [...devices.values()].map(({ device }) => device.id), paths });
    await ended;
    for (const close of closes.splice(0)) close();
    for (const watcher of watchers) await watcher.ended();
  } catch (error) {
    if (!interrupted.aborted) throw error;
  } finally {
    for (const close of closes) close();
    release();
  }
  return found > 0 ? ExitStatus.DAMAGED : ExitStatus.HEALTHY;
}
