// Gives core and mock the `node:path` of the pretended system, and refuses them what would tie them to a real one.

const OURS = /\/packages\/(?:core|mock)\/dist\//;
const OF_A_SYSTEM = /^(?:node:)?(?:fs|os|child_process|module|net|process|worker_threads)\b|\.node$|safe-pmem\/native/;
const PATH_OF_WINDOWS = `
  const { win32 } = process.getBuiltinModule('node:path');
  export default win32;
  export const { basename, dirname, join, posix, relative, resolve, sep } = win32;
  export { win32 };
`;

let platform;

export function initialize(data) {
  ({ platform } = data);
}

export async function resolve(specifier, context, next) {
  if (!OURS.test(context.parentURL ?? '')) return next(specifier, context);
  if (OF_A_SYSTEM.test(specifier)) throw new Error(`${context.parentURL} imports ${specifier}`);
  if (!/^(?:node:)?path$/.test(specifier) || platform !== 'win32') return next(specifier, context);
  return { url: `data:text/javascript,${encodeURIComponent(PATH_OF_WINDOWS)}`, shortCircuit: true };
}
