import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Fault } from "../../src/errors.ts"
import { parseTarget } from "../../src/secrets/target.ts"

describe("a host as people name it", () => {
  it.each([
    ["web1", { host: "web1" }],
    ["Web1.Example.", { host: "Web1.Example." }],
    ["ada@web1", { user: "ada", host: "web1" }],
    ["web1:2222", { host: "web1", port: 2222 }],
    ["ada@web1:2222", { user: "ada", host: "web1", port: 2222 }],
    ["ada@example.com@web1", { user: "ada@example.com", host: "web1" }],
    ["DOMAIN\\ada@web1", { user: "DOMAIN\\ada", host: "web1" }],
    ["[web1]:2222", { host: "web1", port: 2222 }],
    ["192.0.2.1", { host: "192.0.2.1" }],
    ["192.0.2.1:22", { host: "192.0.2.1", port: 22 }],
    ["root@192.0.2.1:65535", { user: "root", host: "192.0.2.1", port: 65_535 }],
    ["::1", { host: "::1" }],
    ["2001:db8::1", { host: "2001:db8::1" }],
    ["2001:db8::22", { host: "2001:db8::22" }],
    ["ada@2001:db8::1", { user: "ada", host: "2001:db8::1" }],
    ["[2001:db8::1]", { host: "2001:db8::1" }],
    ["[2001:db8::1]:22", { host: "2001:db8::1", port: 22 }],
    ["ada@[fe80::1%eth0]:2222", { user: "ada", host: "fe80::1%eth0", port: 2222 }],
    ["fe80::1%eth0", { host: "fe80::1%eth0" }],
    ["::ffff:192.0.2.1", { host: "::ffff:192.0.2.1" }],
  ])("%s is %j", (text, target) => {
    expect(parseTarget(text)).toEqual(target)
  })

  it.each([
    ...[
      "",
      "@",
      "@web1",
      "ada@",
      "-oProxyCommand=x@web1",
      "-web1",
      "a b@web1",
      "a\n@web1",
      "a;b@web1",
      "$(a)@web1",
    ],
    ...[
      "web1:",
      ":22",
      "web1:0",
      "web1:65536",
      "web1:022222",
      "web1:-1",
      "web1:ssh",
      "web1:22:22",
      "web1:2 2",
    ],
    ...[
      "[::1",
      "::1]",
      "[::1]22",
      "[::1]:",
      "[web1:22]",
      "[]:22",
      "2001:db8:::1",
      "1:2:3:4:5:6:7:8:22",
      "a:b:c",
    ],
    ...["../web1", "web1/x", "web1\0", "fe80::1%"],
  ])("%j is none", (text) => {
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: "usage" }))
  })

  it("is read from any text or refused as one, and never with a host that leaves a folder", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a@:[\]%/.0-9-]*$/)), (text) => {
        try {
          const { host, port, user } = parseTarget(text)
          expect(host).not.toMatch(/^[.-]|\/|\s/)
          expect(user ?? "x").not.toMatch(/^-|\s/)
          expect(port ?? 1).toBeGreaterThan(0)
        } catch (thrown) {
          if (!(thrown instanceof Fault)) throw thrown
        }
      }),
    )
  })
})
