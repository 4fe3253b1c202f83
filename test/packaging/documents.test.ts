import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const top = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string): string => readFileSync(join(top, path), "utf8")

/** All files below a folder, by their paths from the top. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(top, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(join(top, path)).isFile())
}

const notes = filesBelow("native-notes").filter((path) => path.endsWith(".md"))
const documents = ["README.md", ...notes]

/** Lines that could be broken: not those of code blocks, nor of tables, nor a picture with its words. */
function proseOf(text: string): string[] {
  const prose = text.replace(/^( *)```[\s\S]*?^\1```/gm, "")
  return prose.split("\n").filter((line) => !/^\s*\||^!\[/.test(line))
}

describe("README", () => {
  const readme = read("README.md")

  it("is a page: at most 260 lines and 18 kB", () => {
    expect(readme.trimEnd().split("\n").length).toBeLessThanOrEqual(260)
    expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(18_000)
  })

  it("has every room of src in its map, and no other", () => {
    const rooms = readdirSync(join(top, "src"), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    const mapped = [...readme.matchAll(/^src\/([\w-]+)\/ /gm)].map(([, room]) => room)
    expect(mapped.sort()).toEqual(rooms.map(({ name }) => name).sort())
  })
})

describe.each(documents)("%s", (path) => {
  const text = read(path)

  it("has lines of at most 120 columns, but for code blocks and tables", () => {
    expect(proseOf(text).filter((line) => line.length > 120)).toEqual([])
  })

  it("links to files that are there", () => {
    const targets = [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(([, target = ""]) => target)
    const relative = targets.filter((target) => !/^[a-z]+:/.test(target))
    expect(relative.filter((target) => !existsSync(join(top, dirname(path), target)))).toEqual([])
  })

  it("names sources, tests and scripts that are there", () => {
    const named = text.match(/(?<![\w/.-])(src|test|scripts)\/[\w./*{},-]*[\w/*}]/g) ?? []
    expect(named.filter((name) => !isThere(name))).toEqual([])
  })
})

const known = ["src", "test", "scripts"].flatMap(filesBelow)

/** Is there a file or folder of this name? `*` stands for a part of a name, `{a,b}` for one of several. */
function isThere(name: string): boolean {
  if (!/[*{]/.test(name)) return existsSync(join(top, name))
  const pattern = name
    .replace(/\./g, "\\.")
    .replaceAll("*", "[^/]*")
    .replace(/\{([^}]*)\}/g, (_, words: string) => `(${words.replaceAll(",", "|")})`)
  return known.some((file) => new RegExp(`^${pattern}$`).test(file))
}

describe("durations are written as the options read them", () => {
  const forOperators = [
    "README.md",
    "CHANGELOG.md",
    "native-notes/json.md",
    ...notes.filter((path) => path.includes("/man/")),
  ]
  // Measured figures have their unit behind a space.
  const withoutFigures = (text: string): string => text.replace(/^## Measured[\s\S]*?(?=^## )/m, "")

  it.each(forOperators)("in %s", (path) => {
    const otherwise = /\b\d[\d.]* ?(?:sec|min|seconds?|minutes?|hours?|days?)\b|\b\d[\d.]* (?:ms|s|m|h|d)\b/g
    expect(withoutFigures(read(path)).match(otherwise) ?? []).toEqual([])
  })
})

describe("native-notes/json.md", () => {
  it("has every event that the sources name", () => {
    const note = read("native-notes/json.md")
    const sources = filesBelow("src").filter((file) => !file.endsWith(".d.ts"))
    const events = sources.flatMap((file) => [...read(file).matchAll(/\bevent: "([a-z-]+)"/g)])
    const unknown = events.map(([, event]) => event).filter((event) => !note.includes(`\`${event}\``))
    expect(events.length).toBeGreaterThan(40)
    expect(unknown).toEqual([])
  })
})
