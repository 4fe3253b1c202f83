import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { detect, isLegacyProgram } from "../../../src/firewall/tools/detect.ts"
import { programNamed, toolName, tools } from "../../../src/firewall/tools/table.ts"
import { findTools } from "../../../src/firewall/tools/tool-paths.ts"
import { findProgram } from "../../../src/system/process/find-program.ts"
import { type RunCommand, runCommand } from "../../../src/system/process/run-command.ts"

const folder = mkdtempSync(join(tmpdir(), "fw-tools-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** A machine's folder of programs: files, and links as "name -> target". */
let made = 0
function machine(...programs: string[]): (program: string) => string | undefined {
  made += 1
  const own = mkdtempSync(join(folder, `${made}-`))
  for (const program of programs) {
    const [name = "", target] = program.split(" -> ")
    if (target === undefined) writeFileSync(join(own, name), "", { mode: 0o755 })
    else symlinkSync(target, join(own, name))
  }
  return (name) => (existsSync(join(own, name)) ? join(own, name) : undefined)
}

/** The names of the tools that are found, and of the programs that stand for them. */
function found(find: (program: string) => string | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(findTools(find)).map(([name, path]) => [name, basename(path)]))
}

describe("the tools that are found", () => {
  it("go by their full names, whatever the plain ones are", () => {
    const find = machine(
      "xtables-nft-multi",
      "iptables-nft -> xtables-nft-multi",
      "nft",
      "iptables -> iptables-nft",
    )
    expect(found(find)).toEqual({ nft: "nft", "iptables-nft": "iptables-nft" })
  })

  it("are the plain ones of the backend that these are of, where there are no full names", () => {
    const nft = machine("xtables-nft-multi", "ebtables-restore -> xtables-nft-multi")
    expect(found(nft)).toEqual({ "ebtables-nft-restore": "ebtables-restore" })
    const legacy = machine(
      "xtables-legacy-multi",
      "alternative -> xtables-legacy-multi",
      "ip6tables -> alternative",
    )
    expect(found(legacy)).toEqual({ "ip6tables-legacy": "ip6tables" })
  })

  it("are legacy before iptables 1.8, whose names say nothing", () => {
    const find = machine("xtables-multi", "iptables-save -> xtables-multi", "arptables")
    expect(found(find)).toEqual({ "iptables-legacy-save": "iptables-save", "arptables-legacy": "arptables" })
  })
})

describe("the backend of a plain program", () => {
  it.each(["iptables", "ip6tables", "iptables-restore", "ip6tables-save"])(
    "is what %s says itself",
    async (name) => {
      const path = findProgram(name)
      if (path === undefined) throw new Error(`${name} is not here`)
      const { stdout } = await runCommand({ path, args: ["--version"] })
      expect(isLegacyProgram(path)).toBe(!stdout.includes("nf_tables"))
    },
  )
})

describe("the table", () => {
  it("has no name twice, and one tool a backend, family and kind", () => {
    expect(new Set(tools.map(({ name }) => name)).size).toBe(tools.length)
    for (const { name, backend, family, kind } of tools) expect(toolName(backend, family, kind)).toBe(name)
  })

  it("knows programs by full and plain names, and no others", () => {
    expect(programNamed("ebtables-nft-restore")).toMatchObject({ family: "bridge", kind: "restore" })
    expect(programNamed("ip6tables-save")).toMatchObject({ family: "ip6", kind: "save" })
    expect(programNamed("nft")).toMatchObject({ family: undefined, kind: "command" })
    for (const other of ["iptables-apply", "iptables-translate", "xtables-nft-multi", "nfter", "constructor"])
      expect(programNamed(other)).toBeUndefined()
  })
})

describe("detect", () => {
  const paths = Object.fromEntries(tools.map(({ name }) => [name, `/usr/sbin/${name}`]))
  const asking = (lists: boolean): { run: RunCommand; asked: string[] } => {
    const asked: string[] = []
    return {
      asked,
      run: async ({ path, args }) => {
        const [option] = args
        asked.push([basename(path), ...args].join(" "))
        const ok = option === "--version" || lists
        const stdout = option === "--version" ? "iptables v1.8.9 (nf_tables)\n" : ""
        const stderr = ok ? "" : "netlink: Error: cache initialization failed: Protocol not supported\n"
        const rest = { signal: undefined, timedOut: false, startError: undefined }
        return { path, args, exitCode: ok ? 0 : 1, ok, stdout, stderr, ...rest }
      },
    }
  }

  it("asks nothing that would load modules, and a program of many names once", async () => {
    const { run, asked } = asking(true)
    const detected = await detect(run, paths)
    expect(detected.tools).toEqual(paths)
    expect(asked).toEqual([
      "nft list chains",
      "nft --version",
      "iptables-nft --version",
      "iptables-legacy --version",
    ])
    expect([...detected.versions].map((one) => one.join(" ")).slice(0, 2)).toEqual([
      "nft 1.8.9",
      "iptables-nft 1.8.9",
    ])
  })

  it("leaves out what a kernel without nf_tables cannot do", async () => {
    const { tools: usable, versions } = await detect(asking(false).run, paths)
    expect(Object.keys(usable).filter((name) => name.includes("nft"))).toEqual([])
    expect(usable).toHaveProperty("ebtables-legacy-restore")
    expect([...versions.keys()]).toEqual(["iptables-legacy", "ip6tables-legacy"])
  })
})
