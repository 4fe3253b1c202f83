/** After these words of the shell another command begins (POSIX.1-2017, XCU 2.4 and 2.9.4). */
const commandFollows = new Set(["if", "then", "else", "elif", "do", "while", "until", "!", "{"])

/**
 * Puts `mark` in front of every command that is called by the path of a program, or by a variable that is given one
 * (`IPT=/sbin/iptables`, `$IPT -A ...`), and whose first argument is an option. Lines stay where they are.
 * @param text a script for a POSIX shell
 * @param programs the words that call what is meant: paths, and names that are no name for a function
 * @param names what `which` finds these by
 * @returns undefined where there is no such command, or where the text is not surely read right: here-documents, a quote
 * that is not closed
 */
export function markCalls(
  text: string,
  programs: ReadonlySet<string>,
  names: ReadonlySet<string>,
  mark: string,
): string | undefined {
  // An alias is looked for where a command begins; in double quotes a single one is a letter in `${}` too.
  if (/(?<![-\w])alias(?![-\w])|\$\{[^}\n]*'/.test(text)) return undefined
  const given = variablesGiven(text, programs, names)
  const isCall = (word: string): boolean => {
    const variable = /^("?)\$(?:(\w+)|\{(\w+)\})\1$/.exec(word)
    return variable === null ? programs.has(word) : given.has(variable[2] ?? variable[3] ?? "")
  }
  let marked = ""
  let copied = 0
  let begins = true
  for (let at = 0; at < text.length; ) {
    const letter = text[at] as string
    if (text.startsWith("<<", at)) return undefined
    if (letter === "#") at = lineEnd(text, at)
    else if (text.startsWith("\\\n", at)) at += 2
    else if (/[\n;&|()]/.test(letter)) {
      begins = true
      at += 1
    } else if (/[ \t<>]/.test(letter)) {
      begins &&= letter === " " || letter === "\t" // where it is redirected to is no command
      at += 1
    } else {
      const end = wordEnd(text, at, /[ \t\n;&|<>()]/)
      if (end === undefined) return undefined
      const word = text.slice(at, end)
      if (begins && isCall(word) && /^[ \t]+-/.test(text.slice(end, end + 80))) {
        marked += text.slice(copied, at) + mark
        copied = at
      }
      begins &&= commandFollows.has(word)
      at = end
    }
  }
  return marked === "" ? undefined : marked + text.slice(copied)
}

/** The variables that a script gives a program to: `IPT=/sbin/iptables`, `IPT="/sbin/iptables -w"`, `IPT=$(which iptables)`. */
function variablesGiven(
  text: string,
  programs: ReadonlySet<string>,
  names: ReadonlySet<string>,
): Set<string> {
  const given = new Set<string>()
  const assignment =
    /(?<![\w$])([A-Za-z_]\w*)=["']?(?:(?:\$\(|`)which[ \t]+([\w-]+)|(?:\$\{\w+:-)?([\w/-]+))/g
  for (const [, variable = "", sought = "", word = ""] of text.matchAll(assignment))
    if (names.has(sought) || programs.has(word)) given.add(variable)
  for (const [, variable = "", words = ""] of text.matchAll(/\bfor[ \t]+(\w+)[ \t]+in[ \t]+([^;\n]*)/g))
    if (words.split(/[ \t"']+/).some((word) => programs.has(word))) given.add(variable)
  return given
}

/** Where the word that begins at `at` ends: before `stop`, outside of quotes and substitutions (XCU 2.2, 2.6); undefined: nowhere. */
function wordEnd(text: string, at: number, stop: RegExp): number | undefined {
  let now: number | undefined = at
  while (now !== undefined && now < text.length && !stop.test(text[now] as string)) now = partEnd(text, now)
  return now
}

/** No script has more substitutions one inside the other. */
const deepest = 100

/** Where the letter, the quoted part or the substitution at `at` ends. */
function partEnd(text: string, at: number, depth = 0): number | undefined {
  const letter = text[at] as string
  if (letter === "\\") return at + 2
  if (letter === "'") return after(text.indexOf("'", at + 1))
  if (letter === '"') return closed(text, at + 1, '"', depth)
  if (letter === "`") return closed(text, at + 1, "`", depth)
  if (text.startsWith("${", at)) return closed(text, at + 2, "}", depth)
  return text.startsWith("$(", at) ? closed(text, at + 2, ")", depth) : at + 1
}

function after(found: number): number | undefined {
  return found === -1 ? undefined : found + 1
}

/** Where what `close` closes ends, that begins at `at`. In double quotes a single one is a letter like any other. */
function closed(text: string, at: number, close: string, depth: number): number | undefined {
  if (depth > deepest) return undefined
  let now: number | undefined = at
  while (now !== undefined && now < text.length) {
    const letter: string = text[now] as string
    if (letter === close) return now + 1
    if (close === ")") {
      // The parenthesis behind a pattern of `case` has no other half.
      if (text.startsWith("<<", now) || /^\bcase\b/.test(text.slice(now, now + 5))) return undefined
      if (letter === "#" && /[ \t\n(]/.test(text[now - 1] ?? "")) {
        now = lineEnd(text, now)
        continue
      }
      if (letter === "(") {
        now = closed(text, now + 1, ")", depth + 1)
        continue
      }
    }
    now =
      close === "`" || (close === '"' && letter === "'") ? plainEnd(text, now) : partEnd(text, now, depth + 1)
  }
  return undefined
}

function plainEnd(text: string, at: number): number {
  return text[at] === "\\" ? at + 2 : at + 1
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at)
  return end === -1 ? text.length : end
}
