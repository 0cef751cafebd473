/**
 * Situations in which openers of one file meet something beside it: files of others, files with losses, copies, other
 * names and owners.
 */
import { ACCESS } from './access-situations.js';
import { NAMES } from './name-situations.js';
import type { Situation } from './opener-situations.js';

export const NEIGHBOURS: Readonly<Record<string, Situation>> = { ...NAMES, ...ACCESS };
