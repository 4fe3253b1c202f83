import { describe, expect, it } from "vitest"
import { isHarmlessFailure, type ScriptCall, unloadableArgument } from "../../../src/apply/script/calls.ts"
import { failedCall } from "../../support/script-call.ts"

const call = (name: string, ...args: string[]): ScriptCall => failedCall(name, { args })

describe("a failed call", () => {
  it.each([
    [call("iptables", "-C", "INPUT", "-j", "DROP"), "Bad rule", true],
    [
      call("iptables", "-D", "INPUT", "-j", "DROP"),
      "Bad rule (does a matching rule exist in that chain?).",
      true,
    ],
    [call("ip6tables", "-X", "old"), "No chain/target/match by that name.", true],
    [call("ip6tables", "-X", "old"), "CHAIN_DEL failed (Device or resource busy): chain old", false],
    [call("iptables", "-N", "mine"), "Chain already exists.", true],
    [call("iptables", "-A", "INPUT", "-j", "mine"), "No chain/target/match by that name.", false],
    [call("iptables-restore", "-n"), "line 3 failed", false],
    [
      call("ipset", "add", "test", "192.0.2.1"),
      "Element cannot be added to the set: it's already added",
      true,
    ],
    [call("ipset", "add", "test", "192.0.2.1"), "The set with the given name does not exist", false],
    [call("ipset", "destroy", "test"), "The set with the given name does not exist", true],
    [call("nft", "delete table inet x"), "No such file or directory", true],
    [call("nft", "add rule inet x y accept"), "No such file or directory", false],
    [call("nft", "-a", "list", "table", "x"), "No such file or directory", true],
  ])("%# is harmless or not", (failed, said, harmless) => {
    expect(isHarmlessFailure({ ...failed, said })).toBe(harmless)
  })

  it("cannot be loaded again with a newline, or from 1024 bytes on", () => {
    const comment = (text: string) => unloadableArgument(call("iptables", "-A", "INPUT", "--comment", text))
    expect(comment("x".repeat(1023))).toBeUndefined()
    expect(comment("x".repeat(1024))).toMatch(/1024 bytes/)
    expect(comment("\u20ac".repeat(342))).toMatch(/1026 bytes/)
    expect(comment("a\nb")).toMatch(/newline/)
    expect(unloadableArgument(call("nft", "add table x\nadd table y"))).toBeUndefined()
  })
})
