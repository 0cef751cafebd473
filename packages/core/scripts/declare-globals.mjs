// Puts what src/globals.ts declares into the published declarations: the tool that bundles them leaves it out.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.resolve(import.meta.dirname, '..');
const declared = readFileSync(path.join(folder, 'src', 'globals.ts'), 'utf8').replace(/\nexport \{\};\n$/, '');
for (const name of readdirSync(path.join(folder, 'dist'))) {
  if (!/\.d\.c?ts$/.test(name)) continue;
  const file = path.join(folder, 'dist', name);
  const text = readFileSync(file, 'utf8');
  if (!/AbortSignal|asyncDispose/.test(text) || text.includes(declared)) continue;
  writeFileSync(file, `${text}\n${declared}`);
}
