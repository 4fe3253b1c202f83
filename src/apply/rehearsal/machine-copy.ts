import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { ProveDeps } from "../../firewall/restore/prove.ts"
import type { RestoreReport } from "../../firewall/restore/report.ts"
import { type Restored, restoreSnapshot } from "../../firewall/restore/restore.ts"
import { type FileCopy, openFileCopy, type Replacement } from "../../firewall/sandbox/file-copy.ts"
import { copyNet, type NetCopy, readMachineNet } from "../../firewall/sandbox/net-copy.ts"
import { refuseUnread } from "../../firewall/snapshot/refuse-unread.ts"
import { type Snapshot, takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import { withScratchFolder } from "../../system/files/scratch-folder.ts"
import type { SshConnection } from "../ssh-client.ts"
import { loadProvable, notLoaded, ownedByNobody, withLeftOut, withProvenViews } from "./copied-rules.ts"

/** A copy of this machine: its files, its interfaces and its rules. */
export interface MachineCopy {
  readonly files: FileCopy
  readonly net: NetCopy
  /** The rules in force on the machine; where the copy did not take them as they were read, with the views that it takes. */
  readonly before: Snapshot
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
    const read = await reading
    refuseUnread(read)
    // What the input left running has been ended before anything is read.
    const there = { ...deps, run: files.run, procNet: `/proc/${files.pid}/net`, undisturbed: true }
    const load = async (snapshot: Snapshot, inForce?: Snapshot): Promise<Restored> =>
      await restoreSnapshot(there, ownedByNobody(snapshot), {
        folder: journal,
        // Nobody asks what has been counted in a copy.
        alike: { nftTables: [...read.nftTables, ...snapshot.nftTables] },
        ...(inForce === undefined ? {} : { inForce }),
      })
    const { before, loaded } = await loadProvable(deps, read, load)
    const lacking = notLoaded(loaded)
    const notes = lacking.map((one) => `not rehearsed with what is in force now: ${one}`)
    return {
      files,
      net,
      before,
      left: [...files.left, ...net.left, ...notes],
      notLoaded: lacking,
      load: async (snapshot) => await load(snapshot),
      snapshot: async (reason) => {
        const result = withProvenViews(await takeSnapshot(there, reason, before), read, before)
        return withLeftOut(result, before, loaded)
      },
      close,
    }
  } catch (thrown) {
    await close()
    throw thrown
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
