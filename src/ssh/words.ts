import { Fault } from "../errors.ts"

/**
 * The command that each call of ssh begins with, from the text of `--ssh` as rsync's -e has it: words between spaces, single or double
 * quotes around what holds a space.
 * @throws Fault `usage` for a quote that does not end, or no word
 */
export function sshWords(text: string): string[] {
  const words: string[] = []
  const pattern = /\s*(?:((?:[^\s'"]|'[^']*'|"[^"]*")+)|$)/y
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text)
    if (found === null) throw new Fault("usage", "--ssh ends inside a quote")
    if (found[1] !== undefined) words.push(found[1].replace(/'([^']*)'|"([^"]*)"/g, "$1$2"))
  }
  if (words.length === 0)
    throw new Fault("usage", "--ssh is empty: a command such as 'ssh -F FILE' is wanted")
  return words
}

/**
 * Words as one command for whatever shell the account there has: sh, bash, zsh, fish, and csh, which all take single quotes for what
 * they are.
 */
export function remoteCommand(words: readonly string[]): string {
  return words.map(quoted).join(" ")
}

function quoted(word: string): string {
  // In front, zsh takes `=` for a program to be looked up, and fish took `%` for a job.
  if (/^[A-Za-z0-9_@+:,./-][A-Za-z0-9_@%+=:,./-]*$/.test(word)) return word
  // Not inside quotes: csh takes `!` there for its history, fish takes `\` there for an escape.
  return `'${word.replace(/['!\\]/g, (character) => `'\\${character}'`)}'`
}
