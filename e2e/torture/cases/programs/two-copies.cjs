// A CommonJS program whose engines import the other copy of core. Argument: a folder on tmpfs.
const path = require('node:path');
const { MediaError, PmemFile } = require('@safe-pmem/core');
const { nativeDriver } = require('@safe-pmem/native');

const PAGE = 4096;

async function main(folder) {
  const esm = await import('@safe-pmem/core');
  const { Wal } = await import('@safe-pmem/examples/wal');
  const { poison } = await import('../../../../packages/native/test/fault-injector.mjs');
  if (esm.MediaError === MediaError) throw new Error('there is one copy only: this shows nothing');
  const file = await PmemFile.open(path.join(folder, 'log'), {
    driver: nativeDriver(),
    create: true,
    size: 64 * PAGE,
  });
  const wal = await Wal.open({ file, create: true });
  await wal.appendDurable(Buffer.from('one'));
  wal.append(Buffer.from('two'));
  poison(file.path, PAGE, PAGE);
  let known = false;
  try {
    file.read(Buffer.alloc(8), PAGE);
  } catch (error) {
    known = error instanceof MediaError && error instanceof esm.MediaError;
  }
  await wal.commitAsync();
  await wal.repair();
  await wal.appendDurable(Buffer.from('three'));
  const found = [];
  for await (const item of wal.replay())
    found.push(item.type === 'record' ? Buffer.from(item.payload).toString() : 'lost');
  console.log(`${known ? 'known' : 'not known'}, ${found.join(' ')}`);
  wal.close();
  await file.close();
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
