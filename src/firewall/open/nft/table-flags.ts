import type { RunCommand } from "../../../system/process/run-command.ts"
import { readKernel } from "../../snapshot/nft/kernel/tables.ts"
import type { NftFamily, TableName } from "../backend.ts"
import { parseNftListing } from "./listing.ts"
import type { NftLoader } from "./loader.ts"

/** The flags of one table. */
export interface TableFlags extends TableName {
  /** Its hooks are switched off (`flags dormant`). */
  readonly dormant: boolean
  /** Only the process that owns it may touch it (`flags owner`). */
  readonly owned: boolean
}

/** Reads the flags of all tables; undefined when they could not be had. Never rejects. */
export type ReadFlags = () => Promise<readonly TableFlags[] | undefined>

/**
 * {@link ReadFlags} from the kernel, which takes as long beside 20 000 rules as beside none. nft prints no flags without all rules of
 * their tables (a second there), so it is asked only where the kernel cannot be.
 * @param lister lists whole rulesets by nft
 */
export function readFlags(run: RunCommand, lister: NftLoader): ReadFlags {
  return async () => {
    const kernel = await readKernel({ run }, "tables").catch(() => undefined)
    if (kernel?.commit !== undefined)
      return kernel.tables.map(({ family, name, dormant, owned }) => {
        return { family: family as NftFamily, table: name, dormant, owned }
      })
    const text = await lister.list("list ruleset", "terse")
    return text === undefined ? undefined : parseNftListing(text, "terse")
  }
}
