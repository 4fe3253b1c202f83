// Prints the licences of what others wrote: licences.mjs NODE_PREFIX PACKAGE_FOLDERS (one a line).
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const [prefix, folders] = process.argv.slice(2)
const print = (title, text) => process.stdout.write(`${"=".repeat(76)}\n${title}\n\n${text.trim()}\n\n`)

for (const folder of folders.split("\n")) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry))
  const text =
    file === undefined ? `Licence by its package.json: ${license}` : readFileSync(join(folder, file), "utf8")
  print(`${name} ${version}, bundled into the programs`, text)
}
const licence = ["LICENSE", "share/doc/nodejs/LICENSE", "share/doc/node/LICENSE"]
  .map((file) => join(prefix, file))
  .find((path) => existsSync(path))
if (licence === undefined) throw new Error(`the licence of the Node.js in ${prefix} is not to be found`)
print(`Node.js ${process.version}, in /usr/lib/fw-watchdog/VERSION/node`, readFileSync(licence, "utf8"))
