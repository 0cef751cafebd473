/** Opening the files of an engine together. */
export { openWithFiles } from './open-with-files.js';
export type { OpenedEngine, OpenWithFilesOptions, WantedFile } from './open-with-files.js';
