/** Completion scripts for shells, made from the list of commands. */
import type { CommandSpec } from './command-specs.js';
import { COMMANDS } from './command-specs.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** `--rate` of `--rate <bytes>`. */
function nameOf(flags: string): string {
  return flags.split(' ')[0] ?? flags;
}

function optionsOf(spec: CommandSpec): string[] {
  return [...spec.options.map(({ flags }) => nameOf(flags)), '--json', '--help'];
}

export function completionFor(shell: Shell): string {
  return { bash, zsh, fish }[shell]();
}

function bash(): string {
  const cases = COMMANDS.map((spec) => `    ${spec.name}) options="${optionsOf(spec).join(' ')}" ;;`).join('\n');
  return `# bash completion for safe-pmem
_safe_pmem() {
  local current="\${COMP_WORDS[COMP_CWORD]}" options=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${COMMANDS.map(({ name }) => name).join(' ')} completion --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases}
    completion) COMPREPLY=($(compgen -W "${SHELLS.join(' ')}" -- "$current")); return ;;
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
  esac
}
complete -F _safe_pmem safe-pmem
`;
}

function zsh(): string {
  const commands = COMMANDS.map(({ name, summary }) => `    '${name}:${quoted(summary)}'`).join('\n');
  const cases = COMMANDS.map(
    (spec) =>
      `    ${spec.name}) _arguments ${spec.options
        .map(({ flags, says }) => `'${nameOf(flags)}[${quoted(says)}]${flags.includes(' ') ? ':value:_files' : ''}'`)
        .join(' ')} '--json' '--help' '*:file:_files' ;;`,
  ).join('\n');
  return `#compdef safe-pmem
_safe_pmem() {
  local -a commands
  commands=(
${commands}
    'completion:print a completion script for a shell'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases}
    completion) _values shell ${SHELLS.join(' ')} ;;
  esac
}
if [ "$funcstack[1]" = "_safe_pmem" ]; then _safe_pmem "$@"; else compdef _safe_pmem safe-pmem; fi
`;
}

function fish(): string {
  const lines = COMMANDS.flatMap((spec) => [
    `complete -c safe-pmem -n __fish_use_subcommand -f -a ${spec.name} -d '${quoted(spec.summary)}'`,
    ...spec.options.map(
      ({ flags, says }) =>
        `complete -c safe-pmem -n '__fish_seen_subcommand_from ${spec.name}' -l ${nameOf(flags).slice(2)}` +
        `${flags.includes(' ') ? ' -r' : ''} -d '${quoted(says)}'`,
    ),
  ]);
  return `# fish completion for safe-pmem
${lines.join('\n')}
complete -c safe-pmem -n __fish_use_subcommand -f -a completion -d 'print a completion script for a shell'
complete -c safe-pmem -n '__fish_seen_subcommand_from completion' -f -a '${SHELLS.join(' ')}'
complete -c safe-pmem -l json -d 'one JSON value a line, for machines'
`;
}

/** Inside of single quotes, and of zsh's brackets and colons. */
function quoted(text: string): string {
  return text.replace(/'/g, '').replace(/[[\]:]/g, ' ');
}
