import { describe, expect, it } from "vitest"
import type { ScriptCall } from "../../../src/apply/script/calls.ts"
import { refusedOf, suspectsOf, type TracedRun } from "../../../src/apply/script/judge.ts"
import { failedCall } from "../../support/script-call.ts"

const bad = (pid: string, more: Partial<ScriptCall> = {}) =>
  failedCall("iptables -A INPUT -j nope", { pid, said: "Chain 'nope' does not exist\n", ...more })
const good = failedCall("iptables -A INPUT -j ACCEPT", { exitCode: 0 })

/** A traced run: each call with the line where it stands, and whether the shell let its failure go. */
function traceOf(...calls: readonly [call: ScriptCall, line: number, unhandled: boolean][]): TracedRun {
  const place = (line: number) => ({ file: "rules.sh", line, calledFrom: undefined })
  return {
    path: "rules.sh",
    calls: calls.map(([call]) => call),
    trace: {
      calls: new Map(calls.map(([{ pid }, line, unhandled]) => [pid, { place: place(line), unhandled }])),
      last: undefined,
    },
  }
}

describe("the suspects of a run", () => {
  it.each<[string, ScriptCall, string | undefined]>([
    ["a call that is fine", good, undefined],
    ["one that failed", bad("1"), "exit code 1: Chain 'nope' does not exist"],
    ["one that said nothing", bad("1", { said: "" }), "exit code 1: it says nothing"],
    ["one that only asked", failedCall("iptables -C INPUT -j DROP"), undefined],
    ["a module that is not there", failedCall("modprobe x", { kind: "module" }), undefined],
    ["a name of a user", failedCall("getent passwd x", { kind: "network" }), undefined],
    [
      "a name of a host",
      failedCall("getent hosts x", { kind: "network" }),
      "a rehearsal has no network, and the script asks it: it says nothing",
    ],
    [
      "a name in a rule",
      bad("1", { said: "iptables v1.8.9: host/network `a.example' not found\nTry `iptables -h' ...\n" }),
      "iptables v1.8.9: host/network `a.example' not found: names do not resolve in a rehearsal, nor when rules load",
    ],
    [
      "a newline, although the program takes it",
      failedCall("", { name: "iptables", args: ["-A", "INPUT", "--comment", "a\nb"], exitCode: 0 }),
      "a parameter holds a newline, which no rule file can express",
    ],
  ])("are judged by the call alone: %s", (_, call, fault) => {
    expect(suspectsOf([call]).map((suspect) => suspect.fault)).toEqual(fault === undefined ? [] : [fault])
  })
})

describe("a suspect", () => {
  const refused = (calls: readonly ScriptCall[], traced: TracedRun | undefined) =>
    refusedOf(suspectsOf(calls), calls, traced)

  it("is refused with its place where the shell let the failure go", () => {
    const found = refused([good, bad("2")], traceOf([good, 1, false], [bad("9"), 2, true]))
    expect([found?.call.pid, found?.place?.line]).toEqual(["2", 2])
  })

  it("is excused where the script looked at the failure", () => {
    expect(refused([bad("2")], traceOf([bad("9"), 2, false]))).toBeUndefined()
  })

  it("is told from another of the same words by its turn", () => {
    const traced = traceOf([bad("8"), 3, false], [bad("9"), 7, true])
    const found = refused([bad("1"), bad("2")], traced)
    expect([found?.call.pid, found?.place?.line]).toEqual(["2", 7])
  })

  it.each<[string, ScriptCall, TracedRun | undefined]>([
    ["there is no trace", bad("1"), undefined],
    ["the trace does not have it", bad("1"), traceOf([good, 1, false])],
    ["it ended otherwise in the trace", bad("1"), traceOf([bad("9", { exitCode: 4 }), 1, false])],
    ["it is left of a pipe", bad("1", { piped: true }), traceOf([bad("9"), 1, false])],
    [
      "no shell can mend it",
      failedCall("curl x", { kind: "network" }),
      traceOf([failedCall("curl x", { kind: "network", pid: "9" }), 1, false]),
    ],
  ])("is refused where %s", (_, call, traced) => {
    expect(refused([call], traced)?.call).toBe(call)
  })
})
