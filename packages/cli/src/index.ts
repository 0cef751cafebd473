/** The command line as a function, for programs that bring a driver of their own, and for tests. */
export { runCli } from './run.js';
export { ExitStatus } from './exit-status.js';
export { nativeDestination } from './destination.js';
export type { Destination, NewFile } from './destination.js';
export { nativeTree } from './file-tree.js';
export type { FileTree, FoundFile, NotLookedAt } from './file-tree.js';
export { manPage } from './man-page.js';
export { completionFor, SHELLS } from './completion.js';
export type { Shell } from './completion.js';
export { nativeSurroundings } from './native-surroundings.js';
export type { Screen, Surroundings } from './surroundings.js';
