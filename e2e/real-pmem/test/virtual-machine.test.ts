import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuestLost, machineArguments, VirtualMachine } from '../src/host/virtual-machine.js';

/** A shell script in the place of QEMU: descriptor 3 is the port, standard output the serial console. */
describe('virtual machine', () => {
  const savedPath = process.env.PATH;
  let directory = '';
  let started: VirtualMachine[] = [];

  beforeEach(() => {
    started = [];
    directory = mkdtempSync(path.join(os.tmpdir(), 'virtual-machine-'));
    process.env.PATH = `${directory}:${savedPath ?? ''}`;
  });

  afterEach(async () => {
    process.env.PATH = savedPath;
    // Its log is open until it has ended, and lies in the directory.
    for (const machine of started) await machine.stop(60_000);
    rmSync(directory, { recursive: true });
  });

  function start(script: string): VirtualMachine {
    const program = path.join(directory, 'qemu-system-x86_64');
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
    const kernel = { series: '6.12', release: '6.12.0', bootImage: '/kernel', root: '/' };
    const serialLog = path.join(directory, 'log');
    const machine = new VirtualMachine({ kernel, initramfs: '/initramfs', device: 'clearable', backingFile: '/media', serialLog });
    started.push(machine);
    return machine;
  }

  async function lost(machine: VirtualMachine, silenceLimitMs = 60_000): Promise<GuestLost> {
    const error: unknown = await machine.receive(silenceLimitMs).then(() => undefined, (cause: unknown) => cause);
    expect(error).toBeInstanceOf(GuestLost);
    return error as GuestLost;
  }

  it('carries messages both ways, whatever the console says meanwhile', async () => {
    const machine = start(`echo '{"type":"finished"} is not a message'; echo '{"type":"ready","uptimeSeconds":1}' >&3; read -r line <&3; echo "got $line"
      echo '{"type":"mounted","mountOptions":"rw"}' >&3`);
    expect(await machine.receive(60_000)).toEqual({ type: 'ready', uptimeSeconds: 1 });
    machine.send({ type: 'mount', filesystem: 'xfs' });
    expect(await machine.receive(60_000)).toEqual({ type: 'mounted', mountOptions: 'rw' });
    await machine.stop(60_000);
    expect(readFileSync(path.join(directory, 'log'), 'utf8')).toContain('got {"type":"mount","filesystem":"xfs"}');
  });

  it('delivers what was sent before the end, then tells how it ended', async () => {
    const machine = start(`echo '{"type":"failed","error":"x"}' >&3; exit 3`);
    expect(await machine.receive(60_000)).toEqual({ type: 'failed', error: 'x' });
    expect((await lost(machine)).message).toMatch(/status 3/);
  });

  it('reports a panic by its line, with the end of the console', async () => {
    const machine = start(`seq 100; echo '[ 1.0] Kernel panic - not syncing: boom'; echo last`);
    const error = await lost(machine);
    expect(error.message).toContain('Kernel panic - not syncing: boom');
    expect(error.serialTail).toHaveLength(40);
    expect(error.serialTail.slice(-2)).toEqual(['[ 1.0] Kernel panic - not syncing: boom', 'last']);
  });

  it('gives up on a guest that says nothing, and ends it', async () => {
    const machine = start('exec sleep 1000');
    expect((await lost(machine, 50)).message).toMatch(/silent/);
    machine.kill();
    await machine.stop(60_000);
  });

  it('says what QEMU complained about', async () => {
    const machine = start('echo "qemu: no such machine" >&2; exit 1');
    expect((await lost(machine)).message).toContain('no such machine');
  });

  it('takes the device of an arm64 machine from its device tree', () => {
    const kernel = { series: '6.12-arm64', release: '', bootImage: '/k', root: '' };
    const spec = { kernel, initramfs: '/i', backingFile: '/b' };
    const text = machineArguments({ ...spec, deviceTree: '/tree', device: 'clearable' }).join(' ');
    expect(text).toContain('-machine virt');
    expect(text).toContain('-dtb /tree');
    expect(text).not.toContain('memmap=');
    const unclearable = machineArguments({ ...spec, device: 'unclearable' }).join(' ');
    expect(unclearable).toContain('-machine virt,nvdimm=on');
    expect(unclearable).not.toContain('-dtb');
  });

  it('differs between the two devices', () => {
    const spec = { kernel: { series: '', release: '', bootImage: '/k', root: '' }, initramfs: '/i', backingFile: '/with,comma' };
    const clearable = machineArguments({ ...spec, device: 'clearable' }).join(' ');
    const unclearable = machineArguments({ ...spec, device: 'unclearable' }).join(' ');
    expect(clearable).toContain('memmap=384M!2G');
    expect(unclearable).toContain('mem-path=/with,,comma,size=384M');
    expect(unclearable).not.toContain('memmap=');
  });
});
