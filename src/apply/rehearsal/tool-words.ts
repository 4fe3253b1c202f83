/** The lines of a program's messages that tell the operator something: no blank one, no advice to read its help. */
export function toolWords(said: string): string[] {
  return said
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^(Try `|Error occurred at line|#)/.test(line))
}

/** Programs speak English, and none of the operator's settings changes what they do. */
export const toolEnvironment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", HOME: "/nonexistent" }
