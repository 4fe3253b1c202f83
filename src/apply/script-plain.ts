/** What may look at the difference between a program and a function of its name, in any shell. */
const telling = [
  // Asks what a name is.
  /(?<![-\w])(command|builtin|enable|compgen|whence)(?![-\w])/,
  /(?:^|[;&|(){!`\n]|\b(?:then|do|else|elif|if|while|until)\b)[ \t]*(hash\s|type\s+(?!(filter|nat|route|ipv[46]_addr|inet_\w+|ether_addr|mark|ifname)\b))/,
  /\b(declare|typeset|export|readonly|local)\s+-\w*[fF]/,
  // Brings in text that is not seen here.
  /(?<![-\w])(eval|source)(?![-\w])/,
  /(?:^|[;&|(){!`\n]|\b(?:then|do|else|elif|if|while|until)\b)[ \t]*\.[ \t]/,
  // Shows what is run, or where.
  /\bset[ \t][^\n;]*[-+]\w*[xv]|\b(xtrace|verbose|extdebug|functrace|errtrace|LINENO|FUNCNAME|caller|pidof|pgrep|cmdline)\b/,
  /\btrap\b[^\n]*\b(ERR|DEBUG|RETURN)\b/,
  // Other rules for functions.
  /\bposix\b|POSIXLY_CORRECT|__fw_/,
  // Stands in the place of what the functions are made of.
  /(?<![-\w])(printf|read|shift|return|\[)[ \t]*\(\)|\bfunction[ \t]+(printf|read|shift|return|test|\[)/,
  /\balias[ \t]+(printf|read|shift|return|if|case|for|while|\[)=/,
]

/** An assignment before a call: in dash it outlives a function, and is not handed on to the program. */
const assigned = [
  /[A-Za-z_]\w*=[^\n;&|]*(?<!\bwhich)[ \t](ip6?tables|ipset|nft)\b/,
  /(?:^|[;&|(){!`\n])[ \t]*[A-Za-z_]\w*=(?:"[^"\n]*"|'[^'\n]*'|[^\s"';&|])*[ \t]+["$]/,
]

/**
 * Does a script behave the same when the programs that it calls most are functions of its shell? What cannot be ruled out
 * by its text counts as no; that costs time and nothing else.
 * @param folders where the programs are that PATH leads to
 */
export function isPlainScript(text: string, shell: "bash" | "dash", folders: ReadonlySet<string>): boolean {
  const code = text.replace(/^[ \t]*#.*$/gm, "").replaceAll("\\\n", " ")
  if (telling.some((one) => one.test(code))) return false
  if (shell === "dash" && assigned.some((one) => one.test(code))) return false
  return findsTheSame(code, folders)
}

const usual = new Set(
  ["", "/usr"].flatMap((top) => [`${top}/sbin`, `${top}/bin`]).concat("/usr/local/sbin", "/usr/local/bin"),
)

/** Does every PATH that a script sets lead to the same programs? */
function findsTheSame(code: string, programs: ReadonlySet<string>): boolean {
  const rest = code.replace(/(?<![\w$])PATH=("[^"\n]*"|'[^'\n]*'|[^\s;&|]*)/g, (whole, value: string) => {
    const folders = value.replace(/["']/g, "").split(":")
    const inherited = folders.some((folder) => /^\$(PATH|\{PATH\})$/.test(folder))
    const known = folders.every((folder) => usual.has(folder) || /^\$(PATH|\{PATH\})$/.test(folder))
    const reached = [...programs].every((folder) =>
      folders.some((one) => one === folder || `/usr${one}` === folder),
    )
    return known && (inherited || reached) ? "" : whole
  })
  return !/(?<![\w$])PATH\b/.test(rest.replace(/\bexport[ \t]+PATH\b(?!=)/g, "").replace(/\$\{PATH\}/g, ""))
}
