// Mutants that no test can kill, by what they are called, and why.
export const explained = {
  'losses of a failed repair':
    'A unit that is closed is used by nothing before the journal on disk has been read, which says of it what is lost. ' +
    'The line keeps that true if the record of a closed unit ever says less.',
};
