/** One of several processes on a simulated machine: a driver of its own, which can die alone. */
import type { CompleteFile, DeviceDriver, Driver, FileFacts, OpenOutcome, OpenRequest } from '@safe-pmem/core';
import { checkedPath } from './check.js';
import { SimulatedCrash } from '../faults/simulated-crash.js';
import type { Machine } from '../machine.js';
import { MockDevices } from './mock-devices.js';
import { openFile } from './open-file.js';
import { Process } from '../kernel/process.js';

/**
 * A process of the machine: files that are opened through it have mappings and locks of their own, and end when it is
 * killed. `driver.process()` makes one.
 *
 * @example
 * const driver = mockDriver();
 * const writer = await PmemFile.open('/pmem/db', { driver: driver.process('writer'), create: true, size: 65536 });
 * const reader = await PmemFile.open('/pmem/db', { driver: driver.process('reader') });
 * driver.process('writer').kill(); // the reader goes on; the writer's locks are free
 */
export class MockProcess implements Driver<CompleteFile> {
  readonly name: string;
  readonly devices: DeviceDriver;
  readonly #machine: Machine;
  readonly #bus: FileFacts['bus'];
  readonly #process: Process;

  /** Use `driver.process()`. */
  constructor(machine: Machine, name: string, bus: FileFacts['bus']) {
    this.name = name;
    this.#machine = machine;
    this.#bus = bus;
    this.#process = new Process(name);
    this.devices = new MockDevices(machine, bus, this.#process);
  }

  /** False after kill(). */
  get alive(): boolean {
    return this.#process.alive;
  }

  open(path: string, request: OpenRequest): Promise<OpenOutcome<CompleteFile>> {
    const call = { process: this.#process, name: 'open', path, position: 0, length: 0 } as const;
    return this.#machine.turns.wait(call, () => {
      if (!this.alive) throw new SimulatedCrash(`process '${this.name}' was killed`);
      return openFile(this.#machine, checkedPath(path), request, this.#bus, this.#process);
    });
  }

  /**
   * Kills the process (SIGKILL); the machine goes on. Its locks are free, its mappings are gone, and the bytes that it
   * has stored stay, durable or not. Calls that have not happened yet never happen; they, and every later use of its
   * files, throw SimulatedCrash. A second kill() changes nothing.
   */
  kill(): void {
    this.#process.die();
  }

  /**
   * Waits until this process may go on, runs `action`, and resolves to its result. In a body of everyInterleaving()
   * other bodies may run here before a synchronous piece (a write(), a persist()), which happens within `action`.
   * Elsewhere it runs at once. Rejects with what `action` throws, and with SimulatedCrash after kill().
   */
  turn<T = undefined>(action?: () => T): Promise<T> {
    const call = { process: this.#process, name: 'turn', path: '', position: 0, length: 0 } as const;
    return this.#machine.turns.wait(call, () => {
      if (!this.alive) throw new SimulatedCrash(`process '${this.name}' was killed`);
      return action?.() as T;
    });
  }
}
