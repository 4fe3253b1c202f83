// Writes the completion of each program for each shell, where Debian has it: write-completion ROOT
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { commandLines } from "./command-lines.ts"
import { completions } from "./completion/places.ts"

const root = process.argv[2]
if (root === undefined) throw new Error("usage: write-completion ROOT")
for (const { write, folder, file } of Object.values(completions)) {
  mkdirSync(join(root, folder), { recursive: true })
  for (const program of commandLines())
    writeFileSync(join(root, folder, file(program.name())), write(program))
}
