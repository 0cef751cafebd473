/** The database under every crash, fault and poison: a share of the full exploration (npm run explore). */
import * as explorations from '../../explore/level.js';
import { exploreShare } from '../explored-share.js';

const invariant =
  'every key is returned as it was last acknowledged, or its error has a media error for a cause, and ' +
  'only if every file that held it was hit';
const seed = Number(process.env.LEVEL_SEED ?? 1);

exploreShare({ engine: 'level', invariant, seed }, { ...explorations, brief: explorations.briefLevelExploration });
