import { arptablesCommands } from "../../snapshot/text/legacy-listing.ts"
import {
  renderSection,
  renderSectionCountersBehind,
  type SaveSection,
} from "../../snapshot/text/save-text.ts"
import { type LegacyBackend, type ToolPaths, toolName, toolNamed } from "../../tools/table.ts"

/** One command of a restore. All may be run again after having been cut off anywhere. */
export interface RestoreStep {
  /** Its purpose, for the operator: "iptables-nft filter, nat". */
  readonly label: string
  readonly command: readonly string[]
  /** Its input, kept in a file: on standard input, or in place of the argument `{file}`. */
  readonly input: string
  /** Its failure decides nothing: the comparison at the end shows the result. */
  readonly mayFail: boolean
}

/** Takes the name of something that is left alone, and why. */
export type Leave = (where: string, why: string) => void

/** Legacy tables to be loaded; one that was not there is loaded empty, policies ACCEPT. */
export type LegacyChanges = ReadonlyMap<LegacyBackend, readonly SaveSection[]>

/** The steps that load legacy sections. */
export function legacySteps(changes: LegacyChanges, tools: ToolPaths, leave: Leave): RestoreStep[] {
  return [...changes].flatMap(([backend, sections]): RestoreStep[] => {
    // arptables-legacy-restore is a script that asks the other backend.
    const tool =
      backend === "arptables-legacy" ? backend : toolName("legacy", toolNamed(backend).family, "restore")
    const path = tools[tool]
    if (path === undefined) {
      for (const { table } of sections) leave(`${backend} ${table}`, "the tool that could load it is missing")
      return []
    }
    const label = labelOf(
      path,
      sections.map(({ table }) => table),
    )
    if (backend === "arptables-legacy")
      return [
        {
          label,
          command: ["/bin/sh", "{file}"],
          input: sections.map((one) => arptablesCommands(path, one)).join(""),
          mayFail: false,
        },
      ]
    if (backend === "ebtables-legacy")
      return [
        { label, command: [path], input: sections.map(renderSectionCountersBehind).join(""), mayFail: false },
      ]
    // Never without -w: it would wait for the xtables lock for ever.
    return [
      {
        label,
        command: [path, "-c", "-w", "2"],
        input: sections.map(renderSection).join(""),
        mayFail: false,
      },
    ]
  })
}

export function labelOf(path: string, tables: readonly string[]): string {
  return `${path.slice(path.lastIndexOf("/") + 1)} ${tables.join(", ")}`
}
