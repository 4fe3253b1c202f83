import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const top = fileURLToPath(new URL("../..", import.meta.url))

/** systemd gives these to the guard that it starts itself. */
const ofSystemd = ["WATCHDOG_USEC"]

it("the package's launcher hands on every variable that the sources read", () => {
  const launcher = readFileSync(join(top, "scripts/packaging/launcher.sh"), "utf8")
  const sources = readdirSync(join(top, "src"), { recursive: true, encoding: "utf8" })
  const read = sources
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => {
      const text = readFileSync(join(top, "src", name), "utf8")
      const dotted = [...text.matchAll(/\benv(?:ironment)?\.([A-Z][A-Z_]+)/g)]
      const destructured = [...text.matchAll(/\{([A-Z_, ]+)\} = process\.env\b/g)]
      return [...dotted, ...destructured].flatMap(([, names = ""]) => names.trim().split(/, */))
    })
  expect(new Set(read).size).toBeGreaterThan(8)
  const missing = [...new Set(read)].filter((name) => !launcher.includes(`\${${name}+"${name}=$${name}"}`))
  expect(missing).toEqual(ofSystemd)
})
