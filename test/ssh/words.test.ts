import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { remoteCommand, sshWords } from "../../src/ssh/words.ts"

describe("--ssh", () => {
  it.each([
    ["ssh", ["ssh"]],
    ["  ssh -F  file ", ["ssh", "-F", "file"]],
    ["ssh -F 'my file' -o \"A=b c\"", ["ssh", "-F", "my file", "-o", "A=b c"]],
    ["ssh -o A='b c'd", ["ssh", "-o", "A=b cd"]],
  ])("is taken apart: %s", (text, words) => expect(sshWords(text)).toEqual(words))

  it.each(["", "   ", "ssh 'x", 'ssh "x'])("is refused: %s", (text) =>
    expect(() => sshWords(text)).toThrow("--ssh"),
  )
})

describe.each(["sh", "bash", "zsh", "fish"])("a command for %s", (shell) => {
  const path = `/usr/bin/${shell}`
  if (!existsSync(path)) process.stderr.write(`skipped: commands for ${shell}: it is not installed\n`)

  it.skipIf(!existsSync(path))("comes apart into the words that it was made of", () => {
    const word = fc.string({ unit: fc.constantFrom(..."ab '\"\\!$`&;|<>(){}[]*?~#=%\n\té") })
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (words) => {
        const command = remoteCommand(["/usr/bin/printf", "%s\\0", ...words])
        const { stdout } = spawnSync(path, ["-c", command], { encoding: "utf8" })
        expect(stdout.split("\0").slice(0, -1)).toEqual(words)
      }),
      { numRuns: 40 },
    )
  })
})
