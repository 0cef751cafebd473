// A process that watches files while nothing happens: node idle-watch.mjs DIRECTORY WATCHES MILLISECONDS [DEVICES].
// DEVICES is a module with NativeDevices, and a folder `sys` beside it is the sysfs of a machine with a device for the
// files: for machines that have none. Marks where the wait begins and ends, for strace.
import { accessSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

const [, , directory, watches, milliseconds, devicesModule] = process.argv;
const FILES = 4;

function mark(name) {
  try {
    accessSync(`/cost-marker/${name}`);
  } catch {
    // It is there to be seen by strace.
  }
}

/** Files of this driver are on a device whose list can be read and is empty. */
async function pretended(driver) {
  const { NativeDevices } = await import(pathToFileURL(devicesModule));
  const sysfsRoot = path.join(path.dirname(devicesModule), 'sys');
  const devices = new NativeDevices({ sysfsRoot });
  return {
    name: driver.name,
    devices: {
      watch: (_, changed) => devices.watch('259:0', changed),
    },
    async open(file, request) {
      const outcome = await driver.open(file, request);
      if ('file' in outcome) outcome.file.badBlocks = () => devices.badBlocks('259:0');
      return outcome;
    },
  };
}

const driver = devicesModule === undefined ? nativeDriver() : await pretended(nativeDriver());
const announced = [];
for (let i = 0; i < FILES; i++) {
  const file = await PmemFile.open(path.join(directory, `idle-${i}`), { driver, create: true, size: 65_536 });
  file.write(new Uint8Array(65_536).fill(1), 0);
  for (let j = 0; j < Number(watches) / FILES; j++) announced.push((await file.watch(() => undefined)).announcements);
  if (devicesModule !== undefined && Number(watches) > 0) {
    // The thread that hears of lost memory sleeps beside it; without DAX watch() does not ask for it.
    const lost = (await driver.open(file.path, { readOnly: false, create: false, preallocate: false })).file;
    if (!lost.watchMemory(() => undefined).supported) throw new Error('memory is not watched');
  }
}
console.log(JSON.stringify(announced[0] ?? null));
// What the engine does after a start: it has done by then.
await sleep(500);
mark('idle');
await sleep(Number(milliseconds));
mark('end');
process.exit();
