// @safe-pmem/native/testing as an application's tests use it: a page that is lost is met by a real SIGBUS and rebuilt,
// and a file that is cut off says so. Prints one line of JSON.
import { MediaError, PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { cutFile, poisonableDriver, poisonSupport, scratchFolder } from '@safe-pmem/native/testing';

async function main() {
  const support = poisonSupport();
  if (!support.supported) throw new Error(support.reason);
  const scratch = scratchFolder();
  const driver = poisonableDriver(nativeDriver());
  const file = await PmemFile.open(scratch.file('data'), { driver, create: true, size: 65536 });
  file.write(new Uint8Array(65536).fill(5), 0);
  const lost = driver.poison(file.path, { offset: 8192, length: 1 });
  const bytes = new Uint8Array(65536);
  let met = 'nothing was thrown';
  try {
    file.read(bytes, 0);
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    met = error.source;
    await file.repair(error.ranges, { rebuild: ({ length }) => new Uint8Array(length).fill(6) });
  }
  if (met !== 'sigbus') throw new Error(met);
  file.read(bytes, 0);
  const expected = new Uint8Array(65536).fill(5).fill(6, lost.offset, lost.offset + lost.length);
  if (Buffer.compare(bytes, expected) !== 0) throw new Error('other bytes');
  cutFile(file.path, 4096);
  let code = 'nothing was thrown';
  try {
    file.readUInt8(8192);
  } catch (error) {
    code = error.code;
  }
  if (code !== 'ERR_PMEM_TRUNCATED') throw new Error(code);
  await file.close();
  scratch.remove();
  console.log(JSON.stringify({ poison: met, cut: code }));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
