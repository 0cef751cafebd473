/** The replicated log under every crash, fault and poison: a share of the full exploration (npm run explore). */
import * as explorations from '../../explore/replicated.js';
import { exploreShare } from '../explored-share.js';

const invariant =
  'every record that the stream has acknowledged is returned intact, from wherever it still is; every ' +
  'other acknowledged record is returned intact or reported lost by its sequence number; never neither, ' +
  'never wrong';
const seed = Number(process.env.REPLICATED_SEED ?? 1);

exploreShare({ engine: 'replicated', invariant, seed }, { ...explorations, brief: explorations.briefReplicatedExploration });
