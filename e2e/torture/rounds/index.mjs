// The kinds of rounds, in the order in which they take turns.
import { logRound, storeRound } from './engine-round.mjs';
import { fileRound } from './file-round.mjs';
import { replicaRound } from './replica-round.mjs';

const fileOn =
  (kind, options = {}) =>
  async (context) =>
    fileRound({ ...context, ...options, place: await context.place(kind) });

export const rounds = [
  { name: 'file on tmpfs', run: fileOn('tmpfs') },
  { name: 'file on fuse', run: fileOn('fuse') },
  { name: 'log on two devices', run: logRound },
  { name: 'pages on two devices', run: storeRound('pages') },
  { name: 'level on two devices', run: storeRound('level') },
  { name: 'replicated log', run: replicaRound },
  { name: 'file on ext4', run: fileOn('ext4') },
  { name: 'file on xfs, power cut', run: fileOn('xfs', { power: true }) },
  { name: 'file on btrfs', run: fileOn('btrfs') },
  { name: 'file on xfs', run: fileOn('xfs') },
  { name: 'file on ext4, power cut', run: fileOn('ext4', { power: true }) },
];
