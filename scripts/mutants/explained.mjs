// Mutants that no test can kill, by what they are called, and why. docs/internals/testing.md says it at length.
export const explained = {};
