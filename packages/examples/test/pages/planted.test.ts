/** Bugs of the paged store. */
import { findsPlantedBugs } from '../planted-store-bugs.js';

findsPlantedBugs(async () => {
  const { BODIES: bodies, briefStoreExploration: brief } = await import('../../explore/pages.js');
  return { bodies, brief };
}, { body: 'start', states: 200 });
