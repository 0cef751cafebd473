// A process that uses PmemFile: either one call at a time, as its parent says (the cases), or on its own, at
// random (the rounds). Argument: the oracle's FIFO. Its name comes as the first message.
import process from 'node:process';
import { fileCalls } from './file-calls.mjs';
import { liveOnFile, lookAtFile } from './file-life.mjs';
import { liveOnLog } from './log-life.mjs';
import { liveLong } from './long-life.mjs';
import { liveOnStore } from './store-life.mjs';
import { liveOnReplica } from './replica-life.mjs';
import { teller } from '../oracle/tell.mjs';

let name;
let tell;
const calls = {
  ...fileCalls(process),
  be: ([given]) => {
    name = given;
    tell = teller(process.argv[2], name);
  },
  /** Live until `stop()`; resolves when it has stopped. */
  live: ([kind, options]) => lives[kind](options, { tell, name, stopped: () => stopping }),
  stop: () => {
    stopping = true;
  },
};
const lives = {
  file: liveOnFile,
  reader: lookAtFile,
  log: liveOnLog,
  long: liveLong,
  store: liveOnStore,
  replica: liveOnReplica,
};
let stopping = false;

process.on('message', async ({ id, call, args }) => {
  try {
    process.send({ id, value: await calls[call](args) });
  } catch (error) {
    const { code, message, stack, ranges, source } = error;
    process.send({
      id,
      error: { code: code ?? error.name, message, stack, ranges, source, errno: error.cause?.code },
    });
  }
});
process.on('disconnect', () => process.exit(0));
