import { describe, expect, it } from "vitest"
import { commandLines } from "../../../scripts/packaging/command-lines.ts"
import { checkKnockOptions, type KnockOptionTexts } from "../../../src/cli/knock/options.ts"
import { Fault } from "../../../src/errors.ts"
import { type Verb, verbNames } from "../../../src/knock/verbs.ts"

const check = (verb: Verb, texts: Partial<KnockOptionTexts> = {}, hosts = ["web1"]) =>
  checkKnockOptions(verb, hosts, { wait: "10s", ...texts })

function usageOf(action: () => unknown): string {
  try {
    action()
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "usage") return thrown.message
    throw thrown
  }
  throw new Error("it was accepted")
}

describe("what a knock is told", () => {
  it("is checked and typed", () => {
    expect(check("reset")).toEqual({
      verb: "reset",
      hosts: ["web1"],
      hard: false,
      secretFile: undefined,
      via: undefined,
      ssh: "ssh",
      plain: undefined,
      waitMs: 10_000,
      oneWay: false,
      check: undefined,
      family: undefined,
      json: false,
      first: undefined,
      maxFail: 1_000_000,
      failedFile: undefined,
      rate: undefined,
    })
    expect(check("reset", { first: "20" })).toMatchObject({ first: 20, maxFail: 0 })
    expect(check("reset", { first: "20", maxFail: "3", failed: "f", rate: "100" })).toMatchObject({
      maxFail: 3,
      failedFile: "f",
      rate: 100,
    })
    expect(check("probe", { check: false, ipv6: true, wait: "250ms" })).toMatchObject({
      check: false,
      family: 6,
      waitMs: 250,
    })
    expect(check("reset", { check: "tcp/65535" }).check).toBe(65_535)
    expect(Buffer.from(check("reset", { plain: "reset-iptables" }).plain ?? []).toString()).toBe(
      "reset-iptables",
    )
  })

  it("names each host once, however it is written", () => {
    expect(check("reset", {}, ["web1", "WEB1.", "web2", "ada@web1"]).hosts).toEqual(["web1", "web2"])
    expect(check("reset", {}, ["web1", "web1:2222", "[::1]:22", "::1"]).hosts).toEqual([
      "web1",
      "web1:2222",
      "[::1]:22",
      "::1",
    ])
  })

  it.each<[Verb, Partial<KnockOptionTexts>, string]>([
    ["probe", { hard: true }, "--hard"],
    ["confirm", { oneWay: true }, "--one-way"],
    ["rollback", { oneWay: true }, "--one-way"],
    ["probe", { plain: "reset-iptables" }, "--plain"],
    ["reset", { plain: "reset-iptables", hard: true }, "--plain"],
    ["reset", { plain: "reset-iptables", secretFile: "f" }, "--plain"],
    ["reset", { plain: "short" }, "--plain"],
    ["confirm", { check: false }, "--check"],
    ["reset", { ipv4: true, ipv6: true }, "-4"],
    ["reset", { wait: "0s" }, "--wait"],
    ["reset", { wait: "11m" }, "--wait"],
    ["reset", { wait: "" }, "--wait"],
    ["reset", { check: "22" }, "--check"],
    ["reset", { check: "udp/22" }, "--check"],
    ["reset", { check: "tcp/0" }, "--check"],
    ["reset", { check: "tcp/65536" }, "--check"],
    ["reset", { check: "tcp/22 " }, "--check"],
  ])("%s with %j is a usage error that names %s", (verb, texts, option) => {
    expect(usageOf(() => check(verb, texts))).toContain(option)
  })

  it.each(["", "-x", "a b", "../etc", "web1\n", "a/b", "web1:", "web1:0", "-a@web1"])(
    "%j is no host",
    (host) => {
      expect(usageOf(() => check("reset", {}, [host]))).toContain("host")
    },
  )
})

describe.each(verbNames)("the help of %s", (verb) => {
  const command = commandLines()
    .find((program) => program.name() === "fw-knock")
    ?.commands.find((one) => one.name() === verb)
  const shown = command?.createHelp().visibleOptions(command) ?? []
  const samples: Partial<Record<string, Partial<KnockOptionTexts>>> = {
    "--hard": { hard: true },
    "--plain": { plain: "reset-iptables" },
    "--one-way": { oneWay: true },
    "--no-check": { check: false },
  }

  it("lists an option when the verb takes it, and the others are refused by name", () => {
    for (const [long, texts = {}] of Object.entries(samples)) {
      if (shown.some((option) => option.long === long)) expect(check(verb, texts).verb).toBe(verb)
      else expect(usageOf(() => check(verb, texts))).toContain(long.replace("no-", ""))
    }
    expect(shown.map((option) => option.long)).toContain("--wait")
    expect(command?.options.map((option) => option.long)).toEqual(
      expect.arrayContaining(Object.keys(samples)),
    )
  })
})
