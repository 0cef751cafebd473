/** The simulated machine: small operations, which explorers and property tests do by the million. */
import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { race } from '../race.mjs';

const driver = mockDriver();
driver.writeFile('/file', new Uint8Array(2 ** 18));
const file = await PmemFile.open('/file', { driver });
const bytes = new Uint8Array(64);
const walk = (operation) => (count) => { for (let i = 0; i < count; i++) operation((i * 4160) % (2 ** 18 - 64)); };
const times = race({
  'read 64 B': walk((at) => { file.read(bytes, at); }),
  'write 64 B': walk((at) => { file.write(bytes, at); }),
  'write and persist 64 B': walk((at) => { file.writeAndPersist(bytes, at); }),
}, { batch: 20_000, rounds: 21 });
await file.close();
process.send({ rows: [{ title: 'operations on the mock', unit: 'operations/s', times }], absent: [] });
