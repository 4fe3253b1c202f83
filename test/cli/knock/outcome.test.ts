import { describe, expect, it } from "vitest"
import type { KnockFacts } from "../../../src/cli/knock/facts.ts"
import { knockOutcome, plainOutcome } from "../../../src/cli/knock/outcome.ts"
import type { KnockReport } from "../../../src/client/knocker.ts"
import type { PortCheck } from "../../../src/client/tcp-check.ts"
import type { Answer, Verdict } from "../../../src/knock/answer.ts"
import { exitCodeFor, jsonOf } from "../../../src/report/outcome.ts"

const open: PortCheck = { port: 22, state: "open", tookMs: 2 }
const closed: PortCheck = { port: 22, state: "closed", reason: "ECONNREFUSED", tookMs: 2 }
const filtered: PortCheck = { port: 22, state: "filtered", reason: "timeout", tookMs: 3000 }

const answer = (verdict: Verdict, more: Partial<Answer> = {}): Answer => ({
  verb: "reset",
  verdict,
  verified: true,
  pinned: true,
  stillDropping: 0,
  reLocks: 0,
  secondsLeft: 1790,
  serverTimeMs: 1_700_000_000_000,
  challenge: verdict === "challenge" ? new Uint8Array(36) : undefined,
  requestMac: new Uint8Array(32),
  ...more,
})

const facts = (
  given: Answer | undefined,
  check: PortCheck | undefined,
  more: Partial<KnockReport> = {},
): KnockFacts => ({
  host: "web1",
  login: "ssh -p 2222 ada@web1",
  verb: given?.verb ?? "reset",
  hard: false,
  waitMs: 10_000,
  check,
  report: {
    answer: given,
    final: given !== undefined,
    address: given === undefined ? undefined : "192.0.2.1",
    roundTripMs: given === undefined ? undefined : 12.34,
    stage: "first",
    packetsSent: 3,
    echoed: false,
    unreachable: undefined,
    sendFailures: [],
    means: "raw",
    carrier: undefined,
    ...more,
  },
})

describe("what a knock came to", () => {
  it.each<[string, Answer | undefined, PortCheck | undefined, string, number]>([
    ["alive", answer("alive", { verb: "probe" }), filtered, "alive", 0],
    ["opened and the port is open", answer("opened"), open, "opened", 0],
    ["opened, nobody looked", answer("opened"), undefined, "opened", 0],
    ["opened, the port is filtered", answer("opened"), filtered, "opened", 3],
    ["opened, the port is closed", answer("opened"), closed, "opened", 3],
    ["opened, something still drops", answer("opened", { stillDropping: 1 }), open, "opened", 3],
    ["opened, not verified, the port open", answer("opened", { verified: false }), open, "opened", 0],
    ["opened, not verified, nobody looked", answer("opened", { verified: false }), undefined, "opened", 3],
    [
      "opened, not verified, a count that says nothing",
      answer("opened", { verified: false, stillDropping: 9 }),
      open,
      "opened",
      0,
    ],
    ["open already", answer("open-already"), open, "opened", 0],
    ["open already, nobody looked", answer("open-already"), undefined, "opened", 0],
    ["open already, the port is filtered", answer("open-already"), filtered, "opened", 3],
    ["nothing to do", answer("nothing-to-do"), open, "nothing-to-do", 1],
    ["dry run", answer("dry-run"), filtered, "dry-run", 5],
    ["open failed", answer("open-failed"), open, "open-failed", 3],
    ["refused", answer("refused"), open, "refused", 1],
    ["rolled back", answer("rolled-back", { verb: "rollback" }), open, "rolled-back", 0],
    ["rolled back, the port shut", answer("rolled-back", { verb: "rollback" }), filtered, "rolled-back", 3],
    ["rollback failed", answer("rollback-failed", { verb: "rollback" }), open, "rollback-failed", 3],
    ["confirmed", answer("confirmed", { verb: "confirm" }), undefined, "confirmed", 0],
    ["challenged and then silence", answer("challenge"), filtered, "no-answer", 4],
    ["silence", undefined, open, "no-answer", 4],
  ])("%s", (_name, given, check, event, exitCode) => {
    const outcome = knockOutcome(facts(given, check))
    expect([outcome.event, exitCodeFor(outcome.code)]).toEqual([event, exitCode])
    expect(outcome.message).toMatch(/^web1: [^\n]+[^.\n]$/)
    if (outcome.code !== "done") expect(outcome.hint).toBeDefined()
    if (check !== undefined && exitCode === 4) expect(outcome.message).toContain(`tcp/22 is ${check.state}`)
  })

  it("says what it can know when nothing came back, and what to try next", () => {
    const silence = (more: Partial<KnockReport>) => knockOutcome(facts(undefined, filtered, more))
    expect(silence({}).message).toContain(
      "3 packets sent; tcp/22 is filtered (no reply); the reset may still arrive",
    )
    expect(silence({}).hint).toContain("fw-knock reset --wait 1m web1")
    expect(silence({ echoed: true }).hint).toContain("answers ordinary pings")
    expect(
      silence({
        unreachable: {
          from: "192.0.2.254",
          destination: "192.0.2.1",
          identifier: 1,
          sequence: 1,
          reason: "no route",
        },
      }).hint,
    ).toContain('192.0.2.254 says "no route"')
    expect(silence({ packetsSent: 0, sendFailures: ["192.0.2.1: Operation not permitted"] }).hint).toContain(
      "own firewall",
    )
    expect(knockOutcome(facts(undefined, open)).hint).toContain("ssh -p 2222 ada@web1")
  })

  it("leads on when the port stays shut: --hard first, then what the server sees, and only then elsewhere", () => {
    const hint = (obstacles: Answer["obstacles"], hard = false, check = filtered) => {
      const given = answer("opened", obstacles === undefined ? {} : { obstacles })
      return knockOutcome({ ...facts(given, check), hard }).hint
    }
    const first = "clear more first: fw-knock reset --hard web1; "
    const elsewhere = "not in the server's firewall"
    const seen = hint({ seen: ["routing", "xdp"], complete: true })
    expect(seen).toBe(
      `${first}the server sees what can stop it: routing (\`ip rule\`, \`ip route\`), an XDP program; \`fw-watchdog status\` there names it`,
    )
    expect(hint({ seen: ["xdp"], complete: false })).toContain("it could not look at everything")
    expect(hint({ seen: [], complete: true })).toMatch(`${first}if that does not help, it is ${elsewhere}`)
    expect(hint({ seen: [], complete: true }, true)).toMatch(`it is ${elsewhere}`)
    for (const hard of [false, true])
      for (const unknown of [undefined, { seen: [], complete: false }] as const) {
        expect(hint(unknown, hard)).not.toContain(elsewhere)
        expect(String(hint(unknown, hard)).includes("--hard")).toBe(!hard)
      }
    expect(hint({ seen: ["port-translation"], complete: true }, false, closed)).toContain("a rule in nat")
    expect(hint({ seen: [], complete: true }, false, closed)).toContain("nothing listens")
    const rolledBack = knockOutcome(facts(answer("rolled-back", { verb: "rollback" }), filtered)).hint
    expect(rolledBack).toContain("the rules from arming may drop it")
  })

  it("claims of rules that came back no more than that they are there", () => {
    const said = knockOutcome(facts(answer("opened", { reLocks: 2 }), open)).message
    expect(said).toContain("rules that drop were added 2 times since an open (by hand, or something there")
  })

  it("says of an open host that it was open, and claims no more where an earlier packet may have opened it", () => {
    const said = (more: Partial<KnockReport> = {}) => knockOutcome(facts(answer("open-already"), open, more))
    expect(said().message).toMatch(/^web1: open already, nothing to change; answered in 12ms; the session/)
    expect(said().hint).toBe("log in: ssh -p 2222 ada@web1")
    expect(said().facts).toMatchObject({ verdict: "open-already" })
    expect(said({ stage: "one-way" }).message).toContain(
      "(an earlier packet of this knock may have opened it)",
    )
    expect(said({ roundTripMs: 0.4 }).message).toContain("; answered within 1ms;")
    expect(knockOutcome(facts(answer("opened"), open)).message).not.toContain("already")
  })

  it("has stable keys for scripts, without what is not known", () => {
    expect(jsonOf(knockOutcome(facts(answer("opened"), open)))).toEqual({
      event: "opened",
      code: "done",
      exitCode: 0,
      message: expect.any(String),
      hint: expect.any(String),
      host: "web1",
      verb: "reset",
      address: "192.0.2.1",
      verdict: "opened",
      roundTripMs: 12.3,
      stage: "first",
      verified: true,
      stillDropping: 0,
      reLocks: 0,
      secondsLeft: 1790,
      pinned: true,
      serverTimeMs: 1_700_000_000_000,
      packetsSent: 3,
      socket: "raw",
      echoed: false,
      check: { port: 22, state: "open", tookMs: 2 },
    })
    expect(Object.keys(jsonOf(knockOutcome(facts(undefined, undefined)))).sort()).toEqual(
      [
        "code",
        "echoed",
        "event",
        "exitCode",
        "hint",
        "host",
        "message",
        "packetsSent",
        "socket",
        "stage",
        "verb",
      ].sort(),
    )
  })
})

describe("what a bare text came to", () => {
  it("is what the port says", () => {
    const { report } = facts(undefined, undefined)
    const of = (check: PortCheck | undefined) => {
      const { event, code } = plainOutcome({ host: "web1", login: "ssh web1", report, check })
      return [event, exitCodeFor(code)]
    }
    expect(of(open)).toEqual(["port-open", 0])
    expect(of(closed)).toEqual(["port-shut", 3])
    expect(of(filtered)).toEqual(["port-shut", 3])
    expect(of(undefined)).toEqual(["sent", 4])
  })
})
