// Writes the completion of each program into a folder: write-completion FOLDER
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { commandLines } from "./command-lines.ts"
import { bashCompletion } from "./completion.ts"

const folder = process.argv[2]
if (folder === undefined) throw new Error("usage: write-completion FOLDER")
for (const program of commandLines()) writeFileSync(join(folder, program.name()), bashCompletion(program))
