import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { ProveDeps } from "../../firewall/restore/prove.ts"
import type { RestoreReport } from "../../firewall/restore/report.ts"
import { restoreSnapshot } from "../../firewall/restore/restore.ts"
import { type FileCopy, openFileCopy, type Replacement } from "../../firewall/sandbox/file-copy.ts"
import { copyNet, type NetCopy, readMachineNet } from "../../firewall/sandbox/net-copy.ts"
import { nftWhere } from "../../firewall/snapshot/nft-table.ts"
import { refuseUnread } from "../../firewall/snapshot/refuse-unread.ts"
import { type Snapshot, takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import { withScratchFolder } from "../../system/files/scratch-folder.ts"
import type { SshConnection } from "../ssh-client.ts"

/** A copy of this machine: its files, its interfaces and its rules. */
export interface MachineCopy {
  readonly files: FileCopy
  readonly net: NetCopy
  /** The differences from the machine, a line each. */
  readonly left: readonly string[]
  /** The tables and sets in force that it is without, and why, a line each. */
  readonly notLoaded: readonly string[]
  /** Puts a snapshot in force in the copy. */
  load(snapshot: Snapshot): Promise<RestoreReport>
  /** Reads the rules in force in the copy. What could not be loaded into it is as it was before. */
  snapshot(reason: string): Promise<Snapshot>
  close(): Promise<void>
}

/**
 * Makes a copy of this machine with the rules of a snapshot in force.
 * @param reading the snapshot; it need not be there yet
 * @param replacements programs that stand in the copy in place of the machine's own
 * @throws Fault when no copy can be made
 */
export async function openMachineCopy(
  deps: ProveDeps,
  reading: Promise<Snapshot>,
  connection: SshConnection | undefined,
  replacements: readonly Replacement[],
): Promise<MachineCopy> {
  // Read while the files are copied.
  const network = readMachineNet(deps, connection)
  network.catch(() => {})
  const scratch = await holdScratchFolder()
  let files: FileCopy | undefined
  let net: NetCopy | undefined
  const close = async (): Promise<void> => {
    await net?.close()
    await files?.close()
    await scratch.release()
  }
  try {
    const [root, journal] = [join(scratch.folder, "copy"), join(scratch.folder, "journal")]
    for (const folder of [root, journal]) mkdirSync(folder)
    files = await openFileCopy(deps, root, replacements)
    net = await copyNet(deps, files, await network)
    const before = await reading
    refuseUnread(before)
    // What the input left running has been ended before anything is read.
    const there = { ...deps, run: files.run, procNet: `/proc/${files.pid}/net`, undisturbed: true }
    const load = async (snapshot: Snapshot, inForce?: Snapshot): Promise<RestoreReport> =>
      await restoreSnapshot(there, ownedByNobody(snapshot), {
        folder: journal,
        ...(inForce === undefined ? {} : { inForce }),
      })
    const loaded = isEmpty(before) ? nothingLoaded : await load(before, noRules)
    const lacking = notLoaded(loaded)
    const notes = lacking.map((one) => `not rehearsed with what is in force now: ${one}`)
    return {
      files,
      net,
      left: [...files.left, ...net.left, ...notes],
      notLoaded: lacking,
      load: async (snapshot) => await load(snapshot),
      snapshot: async (reason) => withLeftOut(await takeSnapshot(there, reason), before, loaded),
      close,
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

function isEmpty({ ipsets, nftTables, legacyTables }: Snapshot): boolean {
  return ipsets.length + nftTables.length + legacyTables.length === 0
}

/** The rules of new namespaces. */
const noRules: Snapshot = {
  version: 1,
  takenAtMs: 0,
  reason: "a new namespace",
  ipsets: [],
  nftTables: [],
  legacyTables: [],
  unread: [],
}

const nothingLoaded: Pick<RestoreReport, "left" | "failures" | "differences"> = {
  left: [],
  failures: [],
  differences: [],
}

type Loaded = typeof nothingLoaded

function notLoaded({ left, failures, differences }: Loaded): string[] {
  const why = new Map<string, string>()
  for (const { where, kind, lines } of differences) why.set(where, lines[0] ?? kind)
  for (const { where, why: reason } of left) why.set(where, reason)
  return [...failures, ...[...why].map(([where, reason]) => `${where}: ${reason}`)]
}

/** A table that a program owns drops packets in the copy too. Nobody owns it there: the input gets no further by that. */
function ownedByNobody(snapshot: Snapshot): Snapshot {
  const nftTables = snapshot.nftTables.map((copy) => {
    if (!copy.owned || copy.listed === undefined) return copy
    const attributes = copy.listed.attributes.flatMap(withoutOwner)
    return { ...copy, owned: false, listed: { ...copy.listed, attributes } }
  })
  return { ...snapshot, nftTables }
}

/** The flags of a table without those that its owner gave it; no line when there are no others. */
function withoutOwner(line: string): string[] {
  const flags = /^flags (.*)$/.exec(line)?.[1]?.split(/,\s*/)
  if (flags === undefined) return [line]
  const left = flags.filter((flag) => flag !== "owner" && flag !== "persist")
  return left.length === 0 ? [] : [`flags ${left.join(",")}`]
}

/** Adds the tables that no view restores. They are not in the copy, so the input cannot have changed them. */
function withLeftOut(result: Snapshot, before: Snapshot, loaded: Loaded): Snapshot {
  const left = new Set(loaded.left.map(({ where }) => where))
  const there = new Set(result.nftTables.map(nftWhere))
  const kept = before.nftTables.filter((copy) => left.has(nftWhere(copy)) && !there.has(nftWhere(copy)))
  const unread = before.unread.filter(({ where }) => !result.unread.some((other) => other.where === where))
  return {
    ...result,
    nftTables: [...result.nftTables, ...kept],
    unread: [...result.unread, ...unread],
  }
}

/** A scratch folder that lives until it is released, not until a function returns. */
async function holdScratchFolder(): Promise<{ folder: string; release: () => Promise<void> }> {
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  return await new Promise((resolve, reject) => {
    const whole = withScratchFolder(async (folder) => {
      resolve({
        folder,
        release: async () => {
          finish()
          await whole
        },
      })
      await finished
    })
    whole.catch(reject)
  })
}
