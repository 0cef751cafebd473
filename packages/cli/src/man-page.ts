/** safe-pmem(1), from the list of commands. */
import { COMMANDS } from './command-specs.js';

/** roff of the page. */
export function manPage(version: string): string {
  const lines = [
    `.TH SAFE-PMEM 1 "" "safe-pmem ${version}" "User Commands"`,
    '.SH NAME',
    'safe-pmem \\- find, name, salvage and repair media errors in files of persistent memory',
    '.SH SYNOPSIS',
  ];
  for (const { name, arguments: args } of COMMANDS) {
    lines.push(`.B safe-pmem ${name}`, escaped(`[options] ${args.map(({ syntax }) => syntax).join(' ')}`), '.br');
  }
  lines.push(
    '.SH DESCRIPTION',
    'Every command works without privilege and says what root would add. Only',
    '.B repair',
    'and',
    '.B report',
    'write to what they are pointed at, and only with \\-\\-yes.',
    '.SH COMMANDS',
  );
  for (const spec of COMMANDS) {
    const args = spec.arguments.map(({ syntax }) => syntax).join(' ');
    lines.push(
      `.SS ${escaped(`safe-pmem ${spec.name} ${args}`)}`,
      escaped(`${capital(spec.summary)}. ${spec.details}`),
    );
    for (const { syntax, says } of spec.arguments) lines.push('.TP', `.I ${escaped(syntax)}`, escaped(says));
    for (const { flags, says } of spec.options) lines.push('.TP', `.B ${escaped(flags)}`, escaped(says));
    for (const { line, says } of spec.examples) {
      lines.push('.PP', 'Example:', '.PP', '.EX', escaped(`  $ ${line}${says === '' ? '' : `   # ${says}`}`), '.EE');
    }
  }
  lines.push(
    '.SH OPTIONS OF EVERY COMMAND',
    '.TP',
    '.B \\-\\-json',
    'One JSON value a line, each with "version" and "type".',
    '.TP',
    '.B \\-\\-help',
    'The arguments and options of the command, with an example.',
    '.SH EXIT STATUS',
    '.TP',
    '.B 0',
    'Nothing is wrong, or what was asked for is done.',
    '.TP',
    '.B 1',
    'Something is damaged.',
    '.TP',
    '.B 2',
    'It could not be found out, or was not finished.',
    '.TP',
    '.B 64',
    'The command line is wrong; nothing was done.',
    '.SH ENVIRONMENT',
    '.TP',
    '.B NO_COLOR',
    'If it is set and not empty, nothing is coloured.',
    '.SH FILES',
    '.TP',
    '.I FILE.repair',
    'The repair journal of FILE, see safe\\-pmem journal.',
    '.TP',
    '.I COPY.gaps.json',
    'What is missing in COPY, see safe\\-pmem salvage.',
    '',
  );
  return lines.join('\n');
}

/** Text that roff takes for text: backslashes, hyphens, and a control character at the start of a line. */
function escaped(text: string): string {
  return text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
