/** Names as they may be shown: on a terminal, in a log. */

/** `path` with control characters escaped: a name must not write over the line of a log, or steer a terminal. */
export function printable(path: string): string {
  return path.replace(CONTROL_CHARACTERS, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

// C0, DEL and C1, and the marks that reverse the direction of text.
const CONTROL_CHARACTERS = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
