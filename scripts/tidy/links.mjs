/** Links between Markdown files. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const OURS = 'https://github.com/safe-pmem/safe-pmem/';
/** npm shows these outside of the repository. */
const SHOWN_BY_NPM = /^packages\/(core|native|mock|cli)\/README\.md$/;

export function deadLinks(root, texts) {
  const findings = [];
  for (const [name, text] of texts) {
    if (!name.endsWith('.md')) continue;
    for (const [, link] of withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g)) {
      const problem = problemOf(root, name, link);
      if (problem !== undefined) findings.push(`${name}: link ${link}: ${problem}`);
    }
  }
  return findings;
}

function problemOf(root, name, link) {
  const isOurs = link.startsWith(OURS);
  if (/^[a-z]+:/.test(link) && !isOurs) return undefined;
  if (SHOWN_BY_NPM.test(name) && !isOurs && !link.startsWith('#')) return 'npm shows this file elsewhere: use an absolute link';
  const inside = isOurs ? link.slice(OURS.length).replace(/^(blob|tree)\/main\/?/, '') : link;
  if (isOurs && /^(issues|security|releases)|^#|^$/.test(inside)) return undefined;
  const [target, anchor] = inside.split('#');
  const file = target === '' ? path.join(root, name) : path.resolve(root, isOurs ? '' : path.dirname(name), target);
  if (!existsSync(file)) return 'there is no such file';
  if (anchor === undefined || !file.endsWith('.md')) return undefined;
  return anchorsOf(readFileSync(file, 'utf8')).has(anchor) ? undefined : 'there is no such heading';
}

/** The anchors that GitHub gives to the headings of a file. */
function anchorsOf(text) {
  const headings = [...withoutCode(text).matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading]) => heading);
  return new Set(headings.map((heading) => heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replaceAll(' ', '-')));
}

function withoutCode(text) {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`(?!\]?\()/g, (code) => (code.includes('](') ? '' : code));
}
