/** The store under every crash, fault and poison: a share of the full exploration (npm run explore). */
import * as explorations from '../../explore/pages.js';
import { exploreShare } from '../explored-share.js';

const invariant =
  'every key is returned as it was last acknowledged, or reported lost; never neither, never wrong';
const seed = Number(process.env.PAGES_SEED ?? 1);

exploreShare({ engine: 'pages', invariant, seed }, { ...explorations, brief: explorations.briefStoreExploration });
