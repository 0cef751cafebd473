/** Bugs of the paged store. */
import { everyCrash, everyPoison } from '@safe-pmem/mock';
import { bodyOf, findsPlantedBugs } from '../planted-store-bugs.js';

const mirrored = { filesystem: 'ext4', mirrored: true } as const;
const alone = { filesystem: 'ext4', mirrored: false } as const;

findsPlantedBugs(() => import('../../explore/pages.js'), {
  crashes: ({ BODIES, briefStoreExploration }, share) =>
    everyCrash(briefStoreExploration(bodyOf(BODIES, 'checkpoint'), mirrored), { limit: 300 * share, shrinkRuns: 20 }),
  damage: ({ BODIES, briefStoreExploration }, share) =>
    everyCrash(
      briefStoreExploration(bodyOf(BODIES, 'silent damage'), mirrored), { limit: 300 * share, shrinkRuns: 20 },
    ),
  poison: ({ BODIES, briefStoreExploration }, share) =>
    everyPoison(briefStoreExploration(bodyOf(BODIES, 'start'), alone), { limit: 200 * share, shrinkRuns: 20 }),
});
