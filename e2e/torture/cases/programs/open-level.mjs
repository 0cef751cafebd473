// Opens the database, and says how many keys it has, or why it is refused. Argument: its location.
import process from 'node:process';
import { PmemLevel } from '@safe-pmem/examples/level';
import { nativeDriver } from '@safe-pmem/native';

const db = new PmemLevel(process.argv[2], { driver: nativeDriver() });
try {
  await db.open();
  console.log(`${(await db.keys().all()).length} keys`);
  await db.close();
} catch (error) {
  console.log(error.cause?.code ?? error.code);
}
