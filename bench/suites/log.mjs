/** Commits to a log, each durable before the next: the example log against three stores, on this filesystem. */
import { absent, contestants, removeFiles } from '../logs.mjs';
import { raceAsync } from '../race.mjs';

const rows = [];

for (const bytes of [64, 1024]) {
  for (const writers of [1, 16]) {
    const label = `${bytes}-${writers}`;
    const all = await contestants(label);
    const payload = Buffer.alloc(bytes, 5);
    const payloads = Array.from({ length: writers }, () => payload);
    const variants = Object.fromEntries(Object.entries(all).map(([name, store]) => [name, async (operations) => {
      for (let i = 0; i < operations; i += writers) {
        // Writers that commit at the same time; a store that can only be asked for all of them at once is.
        if (writers > 1 && store.group) await store.group(payloads);
        else await Promise.all(payloads.map((one) => store.append(one)));
      }
      store.trim();
    }]));
    const times = await raceAsync(variants, { operations: 16 * 30, rounds: 7, roundMs: 400 });
    rows.push({ title: `${bytes} B, ${writers === 1 ? 'one writer' : `${writers} writers`}`, unit: 'commits/s', baseline: 'fastest other', times });
    for (const store of Object.values(all)) await store.close();
    removeFiles(label);
  }
}
process.send({ rows, absent });
