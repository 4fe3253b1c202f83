import { spawnSync } from "node:child_process"
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const top = fileURLToPath(new URL("..", import.meta.url))
const program = (name: string) => join(top, "node_modules/.bin", name)

/** What dependency-cruiser's JSON says, as far as it is read here. */
interface Cruise {
  modules: { source: string; dependencies: { module: string; protocol?: string }[] }[]
  summary: { violations: { from: string; to: string; rule: { name: string } }[] }
}

function cruise(folder: string): Cruise {
  const run = spawnSync(program("depcruise"), ["--output-type", "json", "src"], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  })
  if (run.stdout === "") throw new Error(run.stderr)
  return JSON.parse(run.stdout) as Cruise
}

const mostLines = 300
const mostFiles = 14
/** Names that say nothing about what is inside. */
const emptyName = /(^|[-/])(utils?|helpers?|types?|common|misc|managers?)([-./]|$)/

/** Words that are not for everybody. connect-programs.ts holds whole programs, as text. */
const reserved = [
  { files: /^src\/(?!bin\/|firewall\/sandbox\/connect-programs\.ts$)/, word: /\bprocess\.exit\w*/g },
  // A doc comment opens with a noun phrase or a verb in the third person.
  { files: /^src\//, word: /\/\*\*\s+(?:\* )?(?:What|Is|Does|Which)\b/g },
  { files: /^src\/(wire|knock|guard\/machine)\//, word: /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b/g },
]

/** What is too long, too many, badly named or said in the wrong room, in `folder`/src. */
function misfits(folder: string): string[] {
  const found: string[] = []
  const look = (room: string): void => {
    const entries = readdirSync(join(folder, room), { withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    if (files.length > mostFiles) found.push(`${room}: ${files.length} files`)
    for (const { name } of entries)
      if (emptyName.test(name)) found.push(`${room}/${name}: a name for anything`)
    for (const { name } of files) {
      const path = `${room}/${name}`
      const text = readFileSync(join(folder, path), "utf8")
      const lines = text.split("\n").length - 1
      if (lines > mostLines) found.push(`${path}: ${lines} lines`)
      for (const { files, word } of reserved)
        if (files.test(path)) for (const [said] of text.matchAll(word)) found.push(`${path}: ${said}`)
    }
    for (const entry of entries) if (entry.isDirectory()) look(`${room}/${entry.name}`)
  }
  look("src")
  return found
}

/** A house in which each rule is broken once, beside a neighbour that keeps it. */
const broken: Record<string, string> = {
  "clock.ts": 'import { uptime } from "node:os"\nexport const now = () => uptime()\n',
  "errors.ts": "export class Fault extends Error {}\n",
  "wire/ring.ts": 'import { other } from "./other.ts"\nexport const ring = () => other\n',
  "wire/other.ts": 'import { ring } from "./ring.ts"\nexport const other = () => ring\n',
  "wire/file.ts": 'export const read = () => import("node:fs")\n',
  "wire/ahead.ts": 'import type { Message } from "../pipe/message.ts"\nexport type Ahead = Message\n',
  "wire/ends.ts": "export const ends = [globalThis.name, process.title, fetch, setTimeout]\n",
  "knock/asks.ts":
    "export const asks = (at: number) => [new Date(at), new Date(), Date.now(), Math.random()]\n",
  "knock/crypto.ts": 'export { sha256 as hash } from "@noble/hashes/sha2.js"\n',
  "knock/hash.ts": 'export { hash } from "./crypto.ts"\n',
  "knock/node.ts": 'export { createHmac } from "node:crypto"\n',
  "knock/own.ts": 'export { equalBytes as own } from "@noble/ciphers/utils.js"\n',
  "pipe/message.ts": 'import type { Hash } from "../knock/hash.ts"\nexport type Message = Hash\n',
  "guard/machine/timed.ts": 'import type { now } from "../../clock.ts"\nexport type Timed = typeof now\n',
  "guard/machine/pure.ts":
    'import { Fault } from "../../errors.ts"\nexport const pure = () => new Fault("")\n',
  "system/opens.ts":
    "/** Is one. */\nexport const one = 1\n/**\n * What is two.\n */\nexport const two = 2\n",
  "guard/runtime/hear.ts": 'export { hear } from "../../capture/hear.ts"\n',
  "session/session.ts": "export const session = 1\n",
  "firewall/open/undo.ts": 'export { restore } from "../restore/restore.ts"\n',
  "firewall/restore/restore.ts": 'import { run } from "../../system/run.ts"\nexport const restore = run\n',
  "apply/plan.ts": 'export { script } from "./script/script.ts"\n',
  "apply/script/script.ts": 'import { plan } from "../rule.ts"\nexport const script = plan\n',
  "apply/rule.ts": "export const plan = 1\n",
  "capture/hear.ts": 'export { hear } from "pcap"\n',
  "system/run.ts": 'export { execa as run } from "execa"\n',
  "client/all.ts": [
    "pcap",
    "raw-socket",
    "execa",
    "pino",
    "diff",
    "commander",
    "@noble/hashes",
    "@noble/ciphers",
  ]
    .map((name) => `import "${name}"\n`)
    .join(""),
  "client/stranger.ts": 'import "left-pad"\n',
  "client/ends.ts": "export const end = () => {\n  process.exitCode = 1\n  process.exit()\n}\n",
  "client/process.ts": "export const wait = (then: () => void) => setTimeout(then, process.uptime())\n",
  "client/forgotten.ts": "export const forgotten = 1\n",
  "bin/ends.ts": "process.exitCode = 0\nprocess.exit()\n",
  "bin/guard.ts": 'import "../check/check.ts"\n',
  "bin/listener.ts": 'import "../secrets/secret.ts"\n',
  "bin/fw-knock.ts": 'import "../check/check.ts"\n',
  "check/check.ts": 'import "../capture/hear.ts"\n',
  "secrets/secret.ts": "export const secret = 1\n",
  "report/long.ts": "\n".repeat(mostLines + 1),
  "report/full.ts": "\n".repeat(mostLines),
  "check/file-utils.ts": "export const utils = 1\n",
  ...Object.fromEntries(
    Array.from({ length: mostFiles + 1 }, (_, number) => [`listener/${number}.ts`, "export const one = 1\n"]),
  ),
}
// Something has to import each, but the one that nobody does.
const imported = Object.keys(broken).filter((path) => !/^bin|forgotten/.test(path))
broken["bin/all.ts"] = imported.map((path) => `import "../${path}"\n`).join("")

describe("in a house where every rule is broken", () => {
  let folder = ""
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "broken-house-"))
    for (const name of [".dependency-cruiser.mjs", "biome.json"])
      copyFileSync(join(top, name), join(folder, name))
    for (const [path, text] of Object.entries(broken)) {
      mkdirSync(dirname(join(folder, "src", path)), { recursive: true })
      writeFileSync(join(folder, "src", path), text)
    }
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it("dependency-cruiser names each", () => {
    const said = cruise(folder).summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} ${to}`)
    expect(said.sort()).toEqual([
      "apart-bin/fw-knock.ts: src/bin/fw-knock.ts src/capture/hear.ts",
      "apart-bin/guard.ts: src/bin/guard.ts src/capture/hear.ts",
      "apart-bin/listener.ts: src/bin/listener.ts src/secrets/secret.ts",
      "apart-guard: src/guard/runtime/hear.ts src/capture/hear.ts",
      "door-@noble/ciphers: src/client/all.ts @noble/ciphers",
      "door-@noble/hashes: src/client/all.ts @noble/hashes",
      "door-commander: src/client/all.ts commander",
      "door-diff: src/client/all.ts diff",
      "door-execa: src/client/all.ts execa",
      "door-pcap: src/client/all.ts pcap",
      "door-pino: src/client/all.ts pino",
      "door-raw-socket: src/client/all.ts raw-socket",
      "no-cycle: src/wire/other.ts src/wire/ring.ts",
      "no-door: src/client/stranger.ts left-pad",
      "no-room: src/session/session.ts src/session/session.ts",
      "pure-crypto: src/knock/own.ts @noble/ciphers/utils.js",
      "pure: src/guard/machine/timed.ts os",
      "pure: src/knock/node.ts crypto",
      "pure: src/wire/file.ts fs",
      "stage-order: src/apply/script/script.ts src/apply/rule.ts",
      "stage-order: src/bin/all.ts src/session/session.ts",
      "stage-order: src/firewall/open/undo.ts src/firewall/restore/restore.ts",
      "stage-order: src/wire/ahead.ts src/pipe/message.ts",
      "unused: src/client/forgotten.ts src/client/forgotten.ts",
    ])
  })

  it("biome names each", () => {
    const args = ["lint", "--reporter=github", "--vcs-enabled=false", "--max-diagnostics=none", "src"]
    const { stdout } = spawnSync(program("biome"), args, { cwd: folder, encoding: "utf8" })
    const said = [...stdout.matchAll(/title=lint\/\w+\/(\w+),file=.*?\/(src\/[^,]+),.*::(.*)/g)]
    expect(said.map(([, rule, file, message]) => `${rule}: ${file} ${message}`).sort()).toEqual([
      "noRestrictedGlobals: src/wire/ends.ts Do not use the global variable fetch.",
      "noRestrictedGlobals: src/wire/ends.ts Do not use the global variable globalThis.",
      "noRestrictedGlobals: src/wire/ends.ts Do not use the global variable process.",
      "noRestrictedGlobals: src/wire/ends.ts Do not use the global variable setTimeout.",
    ])
  })

  it("sizes, names and reserved words are told", () => {
    expect(misfits(folder).sort()).toEqual([
      "src/check/file-utils.ts: a name for anything",
      "src/client/ends.ts: process.exit",
      "src/client/ends.ts: process.exitCode",
      "src/knock/asks.ts: Date.now",
      "src/knock/asks.ts: Math.random",
      "src/knock/asks.ts: new Date()",
      "src/listener: 15 files",
      "src/report/long.ts: 301 lines",
      "src/system/opens.ts: /**\n * What",
      "src/system/opens.ts: /** Is",
    ])
  })
})

describe("in this house", () => {
  it("300 lines a file and 14 files a folder are the most, names say something, reserved words stay in their rooms", () => {
    expect(misfits(top)).toEqual([])
  })

  it("dependency-cruiser sees every import that is written in src", () => {
    const seen = new Map(
      cruise(top).modules.map(({ source, dependencies }) => [
        source,
        new Set(dependencies.map(({ module, protocol = "" }) => protocol + module)),
      ]),
    )
    const missed: string[] = []
    let count = 0
    for (const path of readdirSync(join(top, "src"), { recursive: true, encoding: "utf8" })) {
      if (!path.endsWith(".ts")) continue
      const code = readFileSync(join(top, "src", path), "utf8").replaceAll(
        /\/\*[\s\S]*?\*\/|^ *\/\/.*$/gm,
        "",
      )
      for (const [, name = ""] of code.matchAll(/\b(?:from |import |import\()"([\w@./:-]+)"/g)) {
        count += 1
        if (!seen.get(`src/${path}`)?.has(name)) missed.push(`src/${path}: ${name}`)
      }
    }
    expect(missed).toEqual([])
    expect(count).toBeGreaterThan(500)
  })
})
