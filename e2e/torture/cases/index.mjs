// The situations of which it is known how they once went wrong, on real files. Their numbers: README.md, "Cases".
import { controlCases } from './controls.mjs';
import { engineCases } from './engines.mjs';
import { harmCases } from './first-do-no-harm.mjs';
import { limitCases } from './limits.mjs';
import { mountCases } from './mounts.mjs';
import { neighbourCases } from './neighbours.mjs';
import { nameCases } from './names.mjs';
import { plantedCases } from './planted.mjs';
import { repairCases } from './repairs.mjs';
import { storageCases } from './storage.mjs';
import { userSpaceCases } from './user-space.mjs';

export const cases = [
  ...controlCases,
  ...nameCases,
  ...repairCases,
  ...storageCases,
  ...harmCases,
  ...limitCases,
  ...plantedCases,
  ...neighbourCases,
  ...mountCases,
  ...userSpaceCases,
  ...engineCases,
];
