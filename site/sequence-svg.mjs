/**
 * Draws a sequence diagram as SVG, with the colours of the page. Understands the part of Mermaid's language that docs/ uses:
 * `participant A as Name`, `A->>B: text`, `A-->>B: text` and `Note over A: text`.
 */
const LANE = 190;
const STEP = 44;
const TOP = 46;

export function sequenceSvg(diagram) {
  const { lanes, events } = parse(diagram);
  const [width, height] = [lanes.length * LANE, TOP + events.length * STEP + 16];
  const x = (id) => lanes.findIndex((lane) => lane.id === id) * LANE + LANE / 2;
  const parts = [];
  for (const { id, name } of lanes) {
    parts.push(`<line x1="${x(id)}" y1="32" x2="${x(id)}" y2="${height}" class="lane"/>`);
    parts.push(`<rect x="${x(id) - 75}" y="4" width="150" height="28" rx="5"/>`);
    parts.push(`<text x="${x(id)}" y="23" text-anchor="middle" class="name">${escaped(name)}</text>`);
  }
  for (const [index, event] of events.entries()) {
    const y = TOP + index * STEP + 28;
    parts.push(...(event.note === undefined ? arrow(x(event.from), x(event.to), y, event) : note(x(event.over), y, event.note, width)));
  }
  const label = events.map(({ from, to, text, note: words }) => words ?? `${from} to ${to}: ${text}`).join('; ');
  return `<svg class="sequence" role="img" viewBox="0 0 ${width} ${height}" aria-label="${escaped(label)}">${parts.join('')}</svg>\n`;
}

function parse(diagram) {
  const lanes = [];
  const events = [];
  for (const line of diagram.split('\n').slice(1).map((text) => text.trim())) {
    let match;
    if (line === '') continue;
    if ((match = /^participant (\S+)(?: as (.+))?$/.exec(line))) lanes.push({ id: match[1], name: match[2] ?? match[1] });
    else if ((match = /^(\w+)(--?)>>(\w+): (.+)$/.exec(line))) events.push({ from: match[1], to: match[3], isAnswer: match[2] === '--', text: match[4] });
    else if ((match = /^Note over (\w+): (.+)$/.exec(line))) events.push({ over: match[1], note: match[2] });
    else throw new Error(`cannot draw '${line}'`);
  }
  for (const id of events.flatMap(({ from, to, over }) => [from, to, over])) {
    if (id !== undefined && !lanes.some((lane) => lane.id === id)) throw new Error(`'${id}' is no participant`);
  }
  return { lanes, events };
}

function arrow(from, to, y, { text, isAnswer }) {
  const dashes = isAnswer ? ' stroke-dasharray="5 4"' : '';
  if (from === to) {
    return [
      `<path d="M${from} ${y - 8} h34 v16 h-28" class="arrow"${dashes}/><path d="M${from + 12} ${y + 4} l-10 4 l10 4 z" class="head"/>`,
      `<text x="${from + 42}" y="${y + 4}">${escaped(text)}</text>`,
    ];
  }
  const side = to > from ? -1 : 1;
  return [
    `<line x1="${from}" y1="${y}" x2="${to}" y2="${y}" class="arrow"${dashes}/>`,
    `<path d="M${to} ${y} l${side * 10} -4 v8 z" class="head"/>`,
    `<text x="${(from + to) / 2}" y="${y - 7}" text-anchor="middle">${escaped(text)}</text>`,
  ];
}

function note(at, y, text, width) {
  const length = text.length * 6.6 + 20;
  const left = Math.max(2, Math.min(at - length / 2, width - length - 2));
  return [
    `<rect x="${left}" y="${y - 18}" width="${length}" height="26" rx="3" class="note"/>`,
    `<text x="${left + length / 2}" y="${y}" text-anchor="middle">${escaped(text)}</text>`,
  ];
}

function escaped(text) {
  const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '{': '&#123;', '}': '&#125;' };
  return text.replace(/[&<>"{}]/g, (character) => entities[character]);
}
