/** The replicated log under every crash, fault and poison: a share of the full exploration (npm run explore). */
import * as explorations from '../../explore/replicated.js';
import { exploreShare } from '../explored-share.js';

const invariant =
  'every record that the stream has acknowledged is returned intact, from wherever it still is; every ' +
  'other acknowledged record is returned intact or reported lost by its sequence number; never neither, ' +
  'never wrong';
const seed = Number(process.env.REPLICATED_SEED ?? 1);
/** A minute and a half; REPLICATED_STATES=2000 is enough between two edits. */
const leastStates = Number(process.env.REPLICATED_STATES ?? 50_000);

exploreShare({ engine: 'replicated', invariant, seed, leastStates }, { ...explorations, brief: explorations.briefReplicatedExploration });
