// The public API as text, one file a package, so that a change of it is seen in review. Run after `npm run build`.
//
//   npm run api              compares, and fails if a declaration differs from the report
//   npm run api -- --update  writes the reports
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(import.meta.dirname, '..');
const ENTRIES = { core: ['index', 'contract', 'tools'], mock: ['index'], native: ['index', 'testing'], cli: ['index'] };
const update = process.argv.includes('--update');
const printer = ts.createPrinter({ removeComments: true });

/** Every name that the entry exports, with its declarations and without comments, sorted by name. */
function describe(file) {
  const program = ts.createProgram([file], { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, types: ['node'], typeRoots: [path.join(root, 'node_modules', '@types')], target: ts.ScriptTarget.ES2022, strict: true });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(source));
  const lines = exported.flatMap((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return (target.declarations ?? []).map((declaration) => {
      const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
      const text = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile());
      return { name: symbol.name, text: symbol.name === target.name ? text : `${text}\n// exported as ${symbol.name}` };
    });
  });
  // Base classes and the like that are not exported themselves are part of what is.
  const hidden = [...new Set(exported.flatMap((symbol) => hiddenBases(checker, symbol)))];
  const texts = hidden.map((declaration) => ({
    name: declaration.name.text,
    text: `// not exported\n${printer.printNode(ts.EmitHint.Unspecified, declaration, declaration.getSourceFile())}`,
  }));
  return [...lines, ...texts].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)).map(({ text }) => text).join('\n\n');
}

/** Declarations of the classes and interfaces that `symbol` extends and that no one can import. */
function hiddenBases(checker, symbol) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const found = [];
  for (const declaration of target.declarations ?? []) {
    for (const clause of declaration.heritageClauses ?? []) {
      for (const type of clause.types) {
        const base = checker.getTypeAtLocation(type).symbol;
        const own = base?.declarations?.find((one) => one.getSourceFile() === declaration.getSourceFile() && ts.isClassDeclaration(one));
        const isExported = base && checker.getExportsOfModule(checker.getSymbolAtLocation(declaration.getSourceFile())).some((one) => (one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one) === base);
        if (own !== undefined && !isExported) found.push(own, ...hiddenBases(checker, base));
      }
    }
  }
  return found;
}

let differences = 0;
for (const [name, entries] of Object.entries(ENTRIES)) {
  const folder = path.join(root, 'packages', name);
  const report = path.join(folder, 'api-report.txt');
  const text = entries.map((entry) => {
    const file = path.join(folder, 'dist', `${entry}.d.ts`);
    if (!existsSync(file)) throw new Error(`${file} is missing: npm run build`);
    return `// @safe-pmem/${name}${entry === 'index' ? '' : `/${entry}`}\n\n${describe(file)}\n`;
  }).join('\n');
  if (update) {
    writeFileSync(report, text);
  } else if (!existsSync(report) || readFileSync(report, 'utf8') !== text) {
    const known = new Set((existsSync(report) ? readFileSync(report, 'utf8') : '').split('\n'));
    const now = text.split('\n');
    const gone = [...known].filter((line) => !now.includes(line)).map((line) => `- ${line}`);
    const added = now.filter((line) => !known.has(line)).map((line) => `+ ${line}`);
    console.error(`the API of @safe-pmem/${name} is not what its report says:\n${[...gone, ...added].join('\n')}`);
    differences += 1;
  }
}
if (differences > 0) {
  console.error('If the change is meant: npm run api -- --update, and commit the reports.');
  process.exitCode = 1;
} else if (!update) {
  console.log('api: as reported');
}
