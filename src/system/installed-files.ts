import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/*
 * Where this program's own files lie. The paths are the same from src/, from dist/ and from the packaged bundle, because
 * this file lies one folder below each of them: src/system, dist/system, dist/bin.
 */

/** The absolute path of one of the program's own entry points. */
export function entryPoint(name: "guard" | "listener"): string {
  return fileURLToPath(new URL(`../bin/${name}.js`, import.meta.url))
}

/** This package's version, as `--version` shows it. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8")
  return (JSON.parse(text) as { version: string }).version
}
