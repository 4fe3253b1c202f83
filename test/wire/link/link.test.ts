import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { rejected } from "../../../src/wire/decoded.ts"
import {
  decodeLink,
  type LinkHeader,
  type LinkType,
  linkSource,
  replyLink,
} from "../../../src/wire/link/link.ts"
import { echoFrames } from "../arbitrary-frames.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))

describe("a link header", () => {
  it("of an unknown type is refused, read or to be answered, whatever it holds", () => {
    const unknown = rejected("link", "unknown-type")
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(decodeLink(bytes, "token-ring" as LinkType)).toEqual(unknown)
        const header = { type: "token-ring", source: bytes, vlanTags: [], etherType: 0x0800 }
        expect(replyLink(header as unknown as LinkHeader)).toEqual(unknown)
      }),
    )
  })

  it("is answered by its own with the addresses swapped, and twice swapped is the same", () => {
    fc.assert(
      fc.property(echoFrames, ({ link }) => {
        const reply = replyLink(link)
        if (!reply.ok) return
        const again = replyLink(reply.value)
        expect(again).toEqual({ ok: true, value: link })
        if (link.type === "ethernet") expect(linkSource(reply.value)).toEqual(link.destination)
      }),
    )
  })
})

describe("one more type of link", () => {
  const folder = mkdtempSync(join(tmpdir(), "fw-link-"))
  afterAll(() => rmSync(folder, { recursive: true }))

  /** The functions and tables of link.ts in which tsc finds something wrong, when the union has this. */
  function wrongWith(union: string): { exitCode: number | null; places: string[] } {
    cpSync(join(root, "src/wire"), folder, { recursive: true })
    const path = join(folder, "link/link.ts")
    const text = readFileSync(path, "utf8").replace(/^export type LinkHeader = .*$/m, union)
    writeFileSync(path, text)
    const options =
      "--ignoreConfig --noEmit --strict --noImplicitReturns --target es2023 --module nodenext --skipLibCheck"
    const { stdout, status } = spawnSync(
      join(root, "node_modules/.bin/tsc"),
      [...options.split(" "), "--allowImportingTsExtensions", "--types", "", path],
      { encoding: "utf8" },
    )
    const lines = text.split("\n")
    const places = [...stdout.matchAll(/link\.ts\((\d+),/g)].map(([, line]) =>
      lines
        .slice(0, Number(line))
        .flatMap((one) => /^(?:export )?(?:function|const) (\w+)/.exec(one)?.[1] ?? [])
        .at(-1),
    )
    return { exitCode: status, places: [...new Set(places.map(String))].sort() }
  }

  it("does not compile without its reading, its length, its writing, its answer and its sender", () => {
    const union = /^export type LinkHeader = .*$/m.exec(
      readFileSync(join(root, "src/wire/link/link.ts"), "utf8"),
    )?.[0]
    expect(wrongWith(`${union}`)).toEqual({ exitCode: 0, places: [] })
    expect(wrongWith(`${union} | (TaggedType & { readonly type: "token-ring" })`).places).toEqual([
      "decodeHeader",
      "fixedLengths",
      "isLocallySent",
      "linkSource",
      "replyLink",
      "writeLink",
    ])
  }, 60_000)
})
