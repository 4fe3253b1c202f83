// C0, DEL and C1 steer a terminal (ECMA-48); U+2028/2029 are line ends to some readers; the bidirectional and zero-width
// characters show a text in another order, or another text, than the one that is there; the last are lone surrogates.
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this finds
  /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/**
 * Text that came from outside (a name, a message of another program, bytes of a packet) as a terminal may see it: one
 * line, in which everything that could steer the terminal stands as `\x1b` or `\u{202e}`. Ordinary text, in any script,
 * is left alone.
 */
export function escapeForTerminal(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.charCodeAt(0)
    if (code === 0x0a) return "\\n"
    if (code === 0x09) return "\\t"
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`
  })
}

/** One JSON line that a terminal may see too: what `JSON.stringify` leaves in (DEL, C1, bidirectional marks) as `\uXXXX`. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    unsafe,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}
