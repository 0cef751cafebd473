// Opens the file, which is the first argument, and prints what its pages hold whose numbers follow: a byte, or a code.
import process from 'node:process';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

const PAGE = 4096;
const [, , name, ...pages] = process.argv;
try {
  const file = await PmemFile.open(name, { driver: nativeDriver() });
  const found = pages.map((page) => {
    const bytes = new Uint8Array(PAGE);
    try {
      file.read(bytes, Number(page) * PAGE);
      return bytes[0];
    } catch (error) {
      return error.code;
    }
  });
  console.log(found.join(' '));
  await file.close();
} catch (error) {
  console.log(error.code);
}
