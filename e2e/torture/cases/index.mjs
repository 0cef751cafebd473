// The situations of which it is known how they once went wrong, on real files. The numbers are those of the list
// in README.md.
import { nameCases } from './names.mjs';
import { repairCases } from './repairs.mjs';
import { storageCases } from './storage.mjs';

export const cases = [...nameCases, ...repairCases, ...storageCases];
