import { reasonOf } from "../../errors.ts"
import { parseTarget, type Target } from "../target.ts"

/** A line of a host list that names a host. */
export interface ListedHost extends Target {
  /** The same as it is typed for a knock: `[USER@]HOST[:PORT]`. */
  readonly typed: string
  /** Counted from 1. */
  readonly line: number
}

/** A line of a host list that is none, and why; `problem` goes on where the line's number was said. */
export interface BadLine {
  readonly line: number
  readonly problem: string
}

/**
 * Reads the text of a host list as pssh(1) takes it: one `[USER@]HOST[:PORT]` or `HOST[:PORT] USER` a line, `#` begins a
 * comment, blank lines are nothing.
 * @returns the hosts in the file's order, twice where they are there twice, and all lines that are none
 */
export function parseHostList(text: string): { hosts: ListedHost[]; bad: BadLine[] } {
  const [hosts, bad]: [ListedHost[], BadLine[]] = [[], []]
  for (const [index, content] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = index + 1
    const words = wordsOf(content)
    if (words.length === 0) continue
    try {
      hosts.push({ ...hostOf(words), line })
    } catch (thrown) {
      bad.push({ line, problem: reasonOf(thrown) })
    }
  }
  return { hosts, bad }
}

/** @throws Fault `usage` for what is no host, or Error */
function hostOf([typed = "", user, ...more]: readonly string[]): Omit<ListedHost, "line"> {
  if (more.length > 0) throw new Error("holds more than a host and a user")
  const target = parseTarget(typed)
  if (user === undefined) return { ...target, typed }
  if (target.user !== undefined) throw new Error("names two users")
  return { ...parseTarget(`${user}@${typed}`), typed: `${user}@${typed}` }
}

/** A `#` begins a comment only at the start of a word. */
function wordsOf(content: string): string[] {
  const words = content.split(/\s+/).filter((word) => word !== "")
  const comment = words.findIndex((word) => word.startsWith("#"))
  return comment < 0 ? words : words.slice(0, comment)
}
