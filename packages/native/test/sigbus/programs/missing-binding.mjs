// Copied beside an installation of the package by the test that spoils it. Arguments: none.
import { nativeDriver } from '@safe-pmem/native';
import { report } from './report.mjs';

try {
  report({ imported: true, driver: nativeDriver().name });
} catch (error) {
  const { name, code, path, message, cause } = error;
  const inMessage = message.includes(`'${path}'`);
  report({ imported: true, error: { name, code, path, inMessage, hasCause: cause instanceof Error } });
}
