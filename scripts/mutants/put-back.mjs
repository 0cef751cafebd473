// The faults of the lock and of the journal that once destroyed data of healthy storage, put back: the mutants that the
// exploration of several openers must find by itself, without any test that was written for them.
import { coreMutants } from './core-mutants.mjs';
import { repairMutants } from './repair-mutants.mjs';

const names = [
  // The lock, and what is decided under it
  'a persist of the same file drops the lock of its repair',
  'the repair lock excludes nobody',
  'a repair goes on with a journal that it read before a persist changed it',
  'a persist writes the journal without looking at it',
  'resize() takes no lock',
  'what was read under an earlier lock is believed',
  'open() decides on a journal that it read before it had the lock',
  'open() drops an intent whose bytes are not durable',
  'a journal that cannot be read keeps the lock',
  'an access fails because another process repairs',
  'open() fails while another process repairs',
  'a repair forgets the losses of others',
  'a repair of the last page cuts off what was appended',
  // Who may write
  'an exclusive writer leaves room for others',
  'a second writer is refused',
  'a filesystem without locks cannot be written to',
  // Whose journal it is
  'a file with a journal is not marked',
  'persist() makes no journal its own',
  'a journal in force is forgotten while its file gets a mark',
  'the mark is written before the journal',
  'the mark is removed after the journal',
  'persist() removes the journal and leaves the mark',
  'a repair that ends meanwhile is taken for a lost journal',
  'a file that was moved does not find its journal',
  'a journal that the mark does not name is believed',
  'a foreign file that has the name is written over',
  "another file's journal is written over",
  "another file's journal is taken for that of a copy",
  'a new file deletes a file that is no journal',
  'a new file deletes the journal of one that was renamed',
  "journal: 'discard' deletes a file that is no journal",
  'the journal of a marked copy is believed',
  'the journal of a copy is repaired as its own',
  'the journal of a copy is clipped with the copy',
  'two long names share a journal',
  'without marks, a file of two names gets a journal',
  'without marks, a file that was renamed gets a journal at its old name',
  'a journal that anybody planted is believed',
  'a journal of root is not believed',
  'a journal of the user who marked the file is not believed',
];

export const putBack = names.map((name) => {
  const found = [...coreMutants, ...repairMutants].filter(({ what }) => what === name);
  if (found.length !== 1) throw new Error(`${found.length} mutants are called '${name}'`);
  return found[0];
});
