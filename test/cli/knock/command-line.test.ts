import { PassThrough } from "node:stream"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { knockProgram } from "../../../src/cli/knock/command-line.ts"
import type { KnockOptionTexts } from "../../../src/cli/knock/options.ts"
import { runProgram } from "../../../src/cli/terminal/commander.ts"
import type { ProgramHost } from "../../../src/cli/terminal/terminal.ts"

interface Read {
  readonly code: number
  readonly asked: readonly unknown[]
  readonly said: string
}

/** Has the command line that is made for `first` read the arguments. */
async function read(args: readonly string[], first?: string): Promise<Read> {
  const asked: unknown[] = []
  let said = ""
  const stream = {
    write: (text: string) => {
      said += text
    },
  }
  const host: ProgramHost = {
    stdin: new PassThrough() as unknown as ProgramHost["stdin"],
    stdout: stream,
    stderr: stream,
    env: {},
  }
  let chosen = async (): Promise<number> => 0
  const program = knockProgram(
    host,
    {
      async knock(verb, hosts, texts) {
        asked.push(verb, hosts, texts)
        return 7
      },
      async secret(name, target, json) {
        asked.push(name, target, json)
        return 8
      },
      async list(json, group) {
        asked.push("list", json, group)
        return 9
      },
      async importHosts(pattern, texts) {
        asked.push("import", pattern, texts)
        return 13
      },
      async arm(target, more, texts) {
        asked.push("arm", target, more, texts)
        return 9
      },
      async apply(target, file, more, texts) {
        asked.push("apply", target, file, more, texts)
        return 10
      },
      async enroll(target, texts) {
        asked.push("enroll", target, texts)
        return 12
      },
      async session(name, target, texts) {
        asked.push(name, target, texts)
        return 11
      },
    },
    (run) => {
      chosen = run
    },
    first,
  )
  return { code: await runProgram(program, args, host, () => chosen()), asked, said }
}

const word = fc.constantFrom(
  ...[
    "reset",
    "probe",
    "secret",
    "import",
    "@web",
    "web1",
    "192.0.2.1",
    "fe80::1%eth0",
    "-",
    "--",
    "",
    "---",
    "x y",
    "/f",
    "5s",
  ],
  ...[
    "-4",
    "-6",
    "-46",
    "-4x",
    "-h",
    "--hard",
    "--hard=1",
    "--no-hard",
    "--har",
    "--json",
    "--one-way",
    "--ipv4",
  ],
  ...[
    "--check",
    "--no-check",
    "--check=tcp/2",
    "--wait",
    "--wait=3s",
    "--plain",
    "--secret-file",
    "--secretFile",
  ],
  ...["--help", "--version"],
)

describe("the command line of fw-knock", () => {
  it("reads a knock", async () => {
    const args = ["reset", "web1", "-4", "--no-check", "--secret-file", "-", "web2"]
    const texts: KnockOptionTexts = { ipv4: true, check: false, secretFile: "-", wait: "10s", ssh: "ssh" }
    expect(await read(args, "reset")).toEqual({
      code: 7,
      asked: ["reset", ["web1", "web2"], texts],
      said: "",
    })
  })

  it("reads the hosts' own commands", async () => {
    for (const first of ["hosts", undefined]) {
      expect(await read(["hosts", "import", "--ansible", "inv.ini", "web:!db"], first)).toEqual({
        code: 13,
        asked: ["import", "web:!db", { ansible: "inv.ini" }],
        said: "",
      })
      expect((await read(["hosts", "list", "@web", "--json"], first)).asked).toEqual(["list", true, "@web"])
      expect((await read(["hosts", "imprt"], first)).said).toContain("did you mean `fw-knock hosts import`?")
      expect(await read(["hosts"], first)).toMatchObject({ code: 64, asked: [] })
    }
  })

  it("reads, made for one command, what it reads made for all of them", async () => {
    let good = 0
    let bad = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          "reset",
          "probe",
          "rollback",
          "confirm",
          "secret",
          "remember",
          "forget",
          "list",
          "hosts",
          "rset",
          "--version",
        ),
        fc.array(word, { maxLength: 6 }),
        async (command, rest) => {
          const all = await read([command, ...rest])
          expect(await read([command, ...rest], command)).toEqual(all)
          if (all.asked.length > 0) good += 1
          else bad += 1
        },
      ),
      { numRuns: 1000 },
    )
    expect(good).toBeGreaterThan(50)
    expect(bad).toBeGreaterThan(50)
  })
})
