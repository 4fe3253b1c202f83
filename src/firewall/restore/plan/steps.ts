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

/** A legacy table to be loaded; one that should not be there is loaded empty, policies ACCEPT. */
export interface LegacyChange {
  readonly section: SaveSection
  /** Text that changes only the chains that differ, for a table that is there. */
  readonly inPlace?: string
}

export type LegacyChanges = ReadonlyMap<LegacyBackend, readonly LegacyChange[]>

/** The steps that load legacy sections. */
export function legacySteps(changes: LegacyChanges, tools: ToolPaths, leave: Leave): RestoreStep[] {
  return [...changes].flatMap(([backend, all]): RestoreStep[] => {
    const sections = all.map(({ section }) => section)
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
    const command = [path, "-c", "-w", "2"]
    const whole = all.filter(({ inPlace }) => inPlace === undefined)
    const changed = all.filter(({ inPlace }) => inPlace !== undefined)
    const steps = [
      { of: whole, command, input: whole.map(({ section }) => renderSection(section)).join("") },
      {
        of: changed,
        command: [...command, "--noflush"],
        input: changed.map(({ inPlace }) => inPlace).join(""),
      },
    ]
    return steps
      .filter(({ of }) => of.length > 0)
      .map(({ of, ...step }) => ({
        label: labelOf(
          path,
          of.map(({ section }) => section.table),
        ),
        ...step,
        mayFail: false,
      }))
  })
}

export function labelOf(path: string, tables: readonly string[]): string {
  return `${path.slice(path.lastIndexOf("/") + 1)} ${tables.join(", ")}`
}
