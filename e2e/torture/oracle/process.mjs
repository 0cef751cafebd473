// The oracle: a process of its own that hears what every other process says before and after what it does,
// through one FIFO, whose order is the order of their write(2) calls. It lives on when they are killed.
// Arguments: the FIFO.
import { createReadStream } from 'node:fs';
import process from 'node:process';
import { History } from './history.mjs';

let history = new History();
let rest = '';

createReadStream(process.argv[2], { flags: 'r+', encoding: 'utf8' }).on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop();
  for (const line of lines) hear(line);
});

/** `mark N` comes from the runner, which waits for the answer; `round` begins a new history. */
function hear(line) {
  const [who, word, number] = line.split(' ');
  if (who === 'runner' && word === 'mark')
    process.send({ mark: Number(number), wrong: history.wrong, counts: history.counts });
  else if (who === 'runner' && word === 'round') history = new History();
  else history.hear(line);
}
// exit() would wait for the read of the FIFO, which nobody writes to any more.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.send('listening');
