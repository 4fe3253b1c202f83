import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** One block of a vector: its headers and the bytes of its hex lines. */
export interface VectorBlock {
  readonly headers: ReadonlyMap<string, string>
  readonly bytes: Uint8Array
}

/** One file of test/vectors/knock; the format is described in native-notes/knock-protocol.md, section 12. */
export interface Vector extends VectorBlock {
  readonly name: string
  /** The first block; with a single message the rest is in it too. */
  readonly blocks: readonly VectorBlock[]
}

export const vectorFolder = fileURLToPath(new URL("../vectors/knock/", import.meta.url))

/** Reads every vector whose first block says `message: kind`. */
export function vectorsOf(kind: string): Vector[] {
  return readdirSync(vectorFolder)
    .filter((file) => file.endsWith(".txt"))
    .map(readVector)
    .filter((vector) => vector.headers.get("message") === kind)
}

/** A header that has to be there. */
export function header(block: VectorBlock, name: string): string {
  const value = block.headers.get(name)
  if (value === undefined) throw new Error(`the vector has no header ${name}`)
  return value
}

export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))

function readVector(file: string): Vector {
  const text = readFileSync(`${vectorFolder}${file}`, "utf8").replace(/^#.*\n/gm, "")
  const headers = new Map<string, string>()
  const blocks: { headers: Map<string, string>; bytes: Uint8Array }[] = []
  for (const [index, part] of text.split("\n\n").entries()) {
    const block: { headers: Map<string, string>; bytes: Uint8Array } = {
      headers: index === 0 ? headers : new Map(),
      bytes: new Uint8Array(),
    }
    const hex: string[] = []
    for (const line of part.split("\n").filter((each) => each !== "")) {
      const found = /^([a-z-]+): ?(.*)$/.exec(line)
      if (found?.[1] !== undefined) block.headers.set(found[1], found[2] ?? "")
      else hex.push(line)
    }
    block.bytes = fromHex(hex.join(""))
    if (index > 0) blocks.push(block)
  }
  return { name: file, headers, bytes: blocks[0]?.bytes ?? new Uint8Array(), blocks }
}
