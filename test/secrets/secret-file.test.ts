import { describe, expect, test } from "vitest"
import { Fault } from "../../src/errors.ts"
import { formatSecret } from "../../src/secrets/secret.ts"
import {
  formatSecretLine,
  indexSecrets,
  parseSecretFile,
  selectSecret,
} from "../../src/secrets/secret-file.ts"

const secret = (n: number): Uint8Array => new Uint8Array(16).fill(n)
const text = (n: number): string => formatSecret(secret(n))

function faultOf(run: () => unknown): Fault {
  try {
    run()
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
  throw new Error("no fault")
}

describe("a secret file", () => {
  test("holds lines, comments, names", () => {
    const file = `\uFEFF# ours\r\n\r\nWeb1.example.org ${text(1)}\r\n  fe80::1%eth0\t${text(2).toUpperCase()}  alice@laptop # hers\n::1 ${text(3)}`
    expect(parseSecretFile(file, "f")).toEqual([
      { host: "web1.example.org", name: undefined, secret: secret(1), line: 3 },
      { host: "fe80::1%eth0", name: "alice@laptop", secret: secret(2), line: 4 },
      { host: "::1", name: undefined, secret: secret(3), line: 5 },
    ])
  })

  test("may be one bare secret", () => {
    expect(parseSecretFile(`${text(1)}\n`, "f")).toEqual([
      { host: undefined, name: undefined, secret: secret(1), line: 1 },
    ])
    expect(parseSecretFile(`${text(1)} bob\n`, "f")[0]?.name).toBe("bob")
    const fault = faultOf(() => parseSecretFile(`web1 ${text(1)}\n${text(2)}\n`, "f"))
    expect(fault.code).toBe("configuration")
    expect(fault.message).toContain("f line 2 ")
  })

  test("lines read back as they were written", () => {
    const entries = parseSecretFile(`web1 ${text(1)} bob\nweb2 ${text(2)}\n`, "f")
    expect(parseSecretFile(entries.map(formatSecretLine).join("\n"), "f")).toEqual(entries)
  })

  test.each([
    [
      "an equal secret",
      `a ${text(1)}\n\nb ${text(1).replaceAll("-", "")}`,
      "line 3 is the same secret as line 1",
    ],
    ["no secret", "web1", "line 1 holds no secret"],
    ["a mistyped secret", `a ${text(1)}\nb ${text(2).slice(0, -1)}u`, "line 2 holds no good secret: group 6"],
    ["a secret of another kind", "a hunter2hunter2", "line 1 holds no good secret: a secret begins with"],
    ["a host that is none", `we,b ${text(1)}`, "line 1 begins with something"],
    ["a name that is none", `web ${text(1)} "bob"`, "line 1 ends with a name"],
    ["too much", `web ${text(1)} bob smith`, "line 1 holds more"],
    ["nothing", "# later\n", "holds no secret"],
    ["a secret and a host the wrong way round", `${text(1)} web1 bob`, "line 1 holds more"],
  ])("is refused with %s, by its line and not its content", (_, file, words) => {
    const fault = faultOf(() => parseSecretFile(file, "/etc/s"))
    expect(fault.code).toBe("configuration")
    expect(fault.message).toContain(`/etc/s ${words}`)
    const told = `${fault.message} ${fault.hint}`
    for (const word of file.split(/[\s-]+/)) if (word.length === 5) expect(told).not.toContain(word)
    expect(told).not.toContain("hunter2")
  })

  test("is bounded", () => {
    const lines = Array.from({ length: 65 }, (_, i) => `h${i} ${text(i)}`)
    expect(parseSecretFile(lines.slice(1).join("\n"), "f")).toHaveLength(64)
    expect(faultOf(() => parseSecretFile(lines.join("\n"), "f")).code).toBe("configuration")
  })
})

describe("the secret for a host", () => {
  const several = parseSecretFile(
    `web1 ${text(1)}\nweb2 ${text(2)} bob\nweb2 ${text(3)} eve\n10.0.0.1 ${text(4)}`,
    "f",
  )

  test("is the only one, whatever it is called", () => {
    expect(selectSecret(indexSecrets(several.slice(0, 1)), "anything").secret).toEqual(secret(1))
  })

  test("is the one that names it", () => {
    expect(selectSecret(indexSecrets(several), "WEB1.").secret).toEqual(secret(1))
    expect(selectSecret(indexSecrets(several), "10.0.0.1").secret).toEqual(secret(4))
  })

  test("is not guessed", () => {
    expect(faultOf(() => selectSecret(indexSecrets(several), "web")).code).toBe("configuration")
    expect(faultOf(() => selectSecret(indexSecrets(several), "web2")).message).toContain("lines 2 and 3")
  })
})
