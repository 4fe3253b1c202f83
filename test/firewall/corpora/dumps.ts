import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** A ruleset of nftables' own tests. */
export interface Dump {
  /** "maps/dumps/0003map_add_many_elements_0.nft". */
  readonly name: string
  readonly path: string
  readonly text: string
  /** The devices that it needs. */
  readonly devices: readonly string[]
}

/** All rulesets that nftables' tests lead to. */
export function dumpsOf(source: string): Dump[] {
  const root = join(source, "tests/shell/testcases")
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => /(^|\/)dumps\/.*\.nft$/.test(name))
    .sort()
    .map((name) => {
      const path = join(root, name)
      const text = readFileSync(path, "utf8")
      return { name, path, text, devices: devicesIn(text) }
    })
}

/** The devices that netdev chains and flowtables name: without them a ruleset does not load. */
function devicesIn(text: string): string[] {
  return [...text.matchAll(/\bdevices? (?:= \{)?([^;{}\n]*)/g)].flatMap(([, names = ""]) =>
    names
      .replace(/ priority.*/, "")
      .split(/[\s,"]+/)
      .filter((name) => /^\w+$/.test(name)),
  )
}
