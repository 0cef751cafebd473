// Mutants that no test can kill, by what they are called, and why.
export const explained = {
  'losses of a failed repair':
    'The journal on disk says what is lost of a closed unit, and is read before anything uses that. The line keeps ' +
    'this true if the record ever says less.',
};
