/** Bugs of the paged store, seen from above. */
import { findsPlantedBugs } from '../planted-store-bugs.js';

findsPlantedBugs(async () => {
  const { BODIES: bodies, briefLevelExploration: brief } = await import('../../explore/level.js');
  return { bodies, brief };
}, { body: 'put and del', states: 700 });
