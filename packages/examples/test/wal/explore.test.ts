/** The log under every crash, fault and poison: a share of the full exploration (npm run explore). */
import * as explorations from '../../explore/wal.js';
import { exploreShare } from '../explored-share.js';

const invariant =
  'every committed record is returned intact or reported lost by its sequence number; never neither, ' +
  'never wrong';
const seed = Number(process.env.WAL_SEED ?? 1);

exploreShare({ engine: 'wal', invariant, seed }, { ...explorations, brief: explorations.briefWalExploration });
