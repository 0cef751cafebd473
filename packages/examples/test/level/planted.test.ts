/** Bugs of the paged store, seen from above. */
import { everyCrash, everyPoison } from '@safe-pmem/mock';
import { bodyOf, findsPlantedBugs } from '../planted-store-bugs.js';

const mirrored = { filesystem: 'ext4', mirrored: true } as const;
const alone = { filesystem: 'ext4', mirrored: false } as const;

findsPlantedBugs(() => import('../../explore/level.js'), {
  crashes: ({ BODIES, briefLevelExploration }, share) =>
    everyCrash(briefLevelExploration(bodyOf(BODIES, 'checkpoint'), mirrored), { limit: 300 * share, shrinkRuns: 20 }),
  damage: ({ BODIES, briefLevelExploration }, share) =>
    everyCrash(
      briefLevelExploration(bodyOf(BODIES, 'silent damage'), mirrored), { limit: 300 * share, shrinkRuns: 20 },
    ),
  poison: ({ BODIES, briefLevelExploration }, share) =>
    everyPoison(briefLevelExploration(bodyOf(BODIES, 'put and del'), alone), { limit: 700 * share, shrinkRuns: 20 }),
});
