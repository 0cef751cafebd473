/** The log under every crash, fault and poison: a share of the full exploration (npm run explore). */
import * as explorations from '../../explore/wal.js';
import { exploreShare } from '../explored-share.js';

const invariant =
  'every committed record is returned intact or reported lost by its sequence number; never neither, ' +
  'never wrong';
const seed = Number(process.env.WAL_SEED ?? 1);
/** A minute; WAL_STATES=2000 is enough between two edits. */
const leastStates = Number(process.env.WAL_STATES ?? 50_000);

exploreShare({ engine: 'wal', invariant, seed, leastStates }, { ...explorations, brief: explorations.briefWalExploration });
