// An oracle that finds nothing proves nothing unless it finds what is there: histories that are wrong on purpose.
import { History } from '../oracle/history.mjs';
import { assert } from './support.mjs';

const WRONG = {
  'a store that was acknowledged and is not there': [
    'a set 1 10',
    'a try 1 11',
    'a done 1 11',
    'b look 1',
    'b saw 1 10',
  ],
  'a value of another time': [
    'a set 1 10',
    'a try 1 11',
    'a done 1 11',
    'a try 1 12',
    'a done 1 12',
    'b look 1',
    'b saw 1 12,11',
  ],
  'zeros in the place of a loss': ['a set 1 -1', 'b look 1', 'b saw 1 0'],
  'a loss of what nothing has happened to': ['a set 1 10', 'b look 1', 'b saw 1 -1'],
  'an error that nothing excuses': ['a set 1 10', 'b look 1', 'b unread 1 ERR_PMEM_IO'],
  'a committed record that is gone': ['a tryCommit 5', 'a committed 5', 'b sawLog 1 4'],
  'a record that nobody wrote': ['a tryCommit 5', 'b sawLog 1 6'],
  'an older log than a reader has seen': ['a tryCommit 5', 'b sawLog 1 5', 'b sawLog 1 4'],
};

const RIGHT = {
  'a store that is under way': ['a set 1 10', 'a try 1 11', 'b look 1', 'b saw 1 10,11'],
  'a store whose process died': [
    'a set 1 10',
    'a.3 try 1 11',
    'r dead a',
    'b look 1',
    'b saw 1 11',
    'b look 1',
    'b saw 1 10',
  ],
  'two stores at once': ['a try 1 11', 'b try 1 12', 'a done 1 11', 'b done 1 12', 'c look 1', 'c saw 1 11,12'],
  'a store that ends while it is looked at': ['a set 1 10', 'b look 1', 'a try 1 11', 'a done 1 11', 'b saw 1 10,11'],
  'an error that the weather excuses': [
    'r excuse ERR_PMEM_IO',
    'b look 1',
    'r blame ERR_PMEM_IO',
    'b unread 1 ERR_PMEM_IO',
  ],
};

const findings = (lines) => {
  const history = new History();
  for (const line of lines) history.hear(line);
  return history.wrong;
};

export const controlCases = [
  {
    name: 'control: the oracle finds out what is wrong',
    run: () => {
      for (const [what, lines] of Object.entries(WRONG)) assert.equal(findings(lines).length, 1, what);
    },
  },
  {
    name: 'control: the oracle lets pass what can be',
    run: () => {
      for (const [what, lines] of Object.entries(RIGHT)) assert.deepEqual(findings(lines), [], what);
    },
  },
];
