/** The interpreter of a script and its one argument, as execve(2) reads them; `sh` where the first line names none. */
export function interpreterOf(text: string, sh: string): string[] {
  const [, program, argument] = /^#![ \t]*(\S+)(?:[ \t]+([^\n]*?))?[ \t]*\r?(?:\n|$)/.exec(text) ?? []
  if (program === undefined) return [sh]
  return argument === undefined || argument === "" ? [program] : [program, argument]
}
