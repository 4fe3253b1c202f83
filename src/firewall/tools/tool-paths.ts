import { findProgram } from "../../system/process/find-program.ts"
import { isLegacyProgram } from "./detect.ts"
import { plainNameOf, type ToolName, type ToolPaths, toolNamed, tools } from "./table.ts"

/**
 * The path of one tool, or undefined. Where a distribution has no suffixed names, the plain one stands for the backend
 * that it is of.
 * @param find where programs are
 */
export function findTool(
  name: ToolName,
  find: (program: string) => string | undefined = findProgram,
): string | undefined {
  const path = find(name)
  const plainName = plainNameOf(name)
  if (path !== undefined || plainName === name) return path
  const plain = find(plainName)
  if (plain === undefined) return undefined
  return isLegacyProgram(plain) === (toolNamed(name).backend === "legacy") ? plain : undefined
}

/** The paths of all tools that are here; see {@link findTool}. */
export function findTools(find?: (program: string) => string | undefined): ToolPaths {
  const paths: Partial<Record<ToolName, string>> = {}
  for (const { name } of tools) {
    const path = findTool(name, find)
    if (path !== undefined) paths[name] = path
  }
  return paths
}

/**
 * The file that stands for the xtables lock. The usual one (/run/xtables.lock) can be held for ever by a stuck
 * process, and legacy without `-w` waits for ever too. This one is each process's own, nobody else may open it, and it
 * is on no disk: every lock taken is free.
 */
export const privateLock = "XTABLES_LOCKFILE=/proc/self/environ"
