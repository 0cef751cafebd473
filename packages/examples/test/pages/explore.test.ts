/** The store under every crash, fault and poison: a share of the full exploration (npm run explore). */
import * as explorations from '../../explore/pages.js';
import { exploreShare } from '../explored-share.js';

const invariant =
  'every key is returned as it was last acknowledged, or reported lost; never neither, never wrong';
const seed = Number(process.env.PAGES_SEED ?? 1);
/** A minute and a half; PAGES_STATES=2000 is enough between two edits. */
const leastStates = Number(process.env.PAGES_STATES ?? 50_000);

exploreShare({ engine: 'pages', invariant, seed, leastStates }, { ...explorations, brief: explorations.briefStoreExploration });
