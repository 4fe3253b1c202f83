import { existsSync, mkdirSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Clock } from "../../clock.ts"
import { Fault } from "../../errors.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { fileFault } from "../../system/files/durable-file.ts"
import { wordsOfIpset, wordsOfNft } from "../candidate/input-words.ts"
import { isMarked, isSkeleton, isUnedited, markedText, replaceFile } from "./files.ts"
import { type BootRules, bootRules, renderSections } from "./rules.ts"
import { type BootServices, findBootServices, readBelow } from "./services.ts"

export interface BootDeps {
  /** The folder that stands for `/`. */
  readonly root: string
  readonly clock: Clock
}

/** The files that the machine loads its rules from when it starts, as they were left. */
export interface BootSaved {
  readonly files: readonly {
    /** As the machine itself names it: "/etc/iptables/rules.v4". */
    readonly path: string
    /** `unchanged`: it held this already. */
    readonly state: "written" | "unchanged"
    /** The copy of what was there before. */
    readonly copy: string | undefined
  }[]
  /** Things that the operator should know, a line each: a service that is not enabled. */
  readonly notes: readonly string[]
}

interface BootFile {
  readonly path: string
  readonly text: string
  readonly mode: number
}

interface BootPlan {
  readonly services: BootServices
  readonly files: readonly BootFile[]
  readonly leftOut: readonly string[]
}

const nftablesConf = "/etc/nftables.conf"

/**
 * Writes rules where the distribution's own services load them when the machine starts: netfilter-persistent what
 * iptables loads, nftables.service everything else. Everything is looked at before the first file is written; a file
 * that is replaced is kept under its name with the date behind it.
 * @throws Fault as `refuseUnsavable`; nothing has been written then
 */
export async function saveForBoot({ root, clock }: BootDeps, rules: Snapshot): Promise<BootSaved> {
  const { services, files, leftOut } = planFiles(root, rules)
  const stamp = new Date(clock.wallMs()).toISOString().replace(/[-:]|\.\d+/g, "")
  const notes = [...notesOf(services, files), ...leftOut.map(leftOutNote)]
  return { files: files.map((file) => save(root, file, stamp)), notes }
}

/**
 * Refuses the rules that `saveForBoot` would refuse, before they are put in force; writes nothing.
 * @param root the folder that stands for `/`
 * @throws Fault `missing` without a service that could load them; `refused` when the rules cannot be loaded by any, or
 *   when /etc/nftables.conf is somebody's own
 */
export function refuseUnsavable(root: string, rules: Snapshot): void {
  planFiles(root, rules)
}

function planFiles(root: string, rules: Snapshot): BootPlan {
  const services = findBootServices(root)
  const parts = bootRules(rules, services.netfilterPersistent?.backend, namedBelow(root))
  const [unsavable] = parts.unsavable
  if (unsavable !== undefined)
    throw new Fault("refused", `cannot save for the next start: ${parts.unsavable.join("; ")}`, {
      hint:
        services.netfilterPersistent === undefined
          ? "install iptables-persistent"
          : "fw-apply --print shows the rules as files",
    })
  if (services.netfilterPersistent === undefined && services.nftables === undefined)
    throw new Fault("missing", "cannot save for the next start: nothing here loads rules then", {
      hint: "install iptables-persistent, or nftables",
    })
  const files = [...persistentFiles(services, parts), ...nftFiles(root, services, parts)]
  return { services, files, leftOut: parts.leftOut }
}

/** The tables and sets that the boot files have now. */
function namedBelow(root: string): ReadonlySet<string> {
  const tables = wordsOfNft(readBelow(root, nftablesConf) ?? "").named
  const sets = wordsOfIpset((readBelow(root, "/etc/iptables/ipsets") ?? "").split("\n")).named
  return new Set([...tables, ...sets])
}

const leftOutNote = (id: string): string =>
  `${id} is not saved: no fw-apply has made it, and the files did not have it`

function persistentFiles({ netfilterPersistent: service }: BootServices, parts: BootRules): BootFile[] {
  if (service === undefined) return []
  const file = (name: string, text: string): BootFile => {
    return { path: `/etc/iptables/${name}`, text: markedText("", text), mode: 0o640 }
  }
  if (!service.hasIpsets && parts.ipsets !== "")
    throw new Fault("missing", "cannot save for the next start: nothing here loads IP sets then", {
      hint: "install ipset-persistent",
    })
  return [
    ...(service.hasIpsets ? [file("ipsets", parts.ipsets)] : []),
    file("rules.v4", renderSections(parts.v4)),
    file("rules.v6", renderSections(parts.v6)),
  ]
}

function nftFiles(root: string, services: BootServices, parts: BootRules): BootFile[] {
  const { nftables: service } = services
  const there = readBelow(root, nftablesConf)
  // What is not loaded, and not ours, is not looked at when there is nothing to write into it.
  const isConcerned =
    parts.nft !== "" || (there !== undefined && (service?.isEnabled === true || isMarked(there)))
  if (!isConcerned || (service === undefined && parts.nft === "")) return []
  if (service === undefined)
    throw new Fault("missing", "cannot save for the next start: nothing here loads nft tables then", {
      hint: "install nftables",
    })
  // Neither service waits for the other: a skeleton may flush what netfilter-persistent has just loaded.
  const isHarmless = services.netfilterPersistent === undefined || !there?.includes("flush ruleset")
  if (there !== undefined && isSkeleton(there) && parts.nft === "" && isHarmless) return []
  if (there !== undefined && !isUnedited(there) && !isSkeleton(there))
    throw new Fault("refused", `cannot save for the next start: ${whoseIs(there)}`, {
      hint: `put the rules into it by hand (fw-apply --print shows them), or move ${nftablesConf} away`,
    })
  return [{ path: nftablesConf, text: markedText("#!/usr/sbin/nft -f\n", parts.nft), mode: 0o755 }]
}

/** The reason why a file is taken for somebody's own. */
function whoseIs(text: string): string {
  if (isMarked(text)) return `${nftablesConf} has been edited since fw-apply wrote it`
  const [has] = ["include", "define"].filter((word) => new RegExp(`^\\s*${word}\\b`, "m").test(text))
  const what = has ?? (/^\s*#(?!!)/m.test(text) ? "comments" : undefined)
  return `${nftablesConf} was not written by fw-apply${what === undefined ? "" : ` (it has ${what}${what === "comments" ? "" : " lines"})`}`
}

function save(root: string, { path, text, mode }: BootFile, stamp: string): BootSaved["files"][number] {
  const there = readBelow(root, path)
  if (there === text) return { path, state: "unchanged", copy: undefined }
  const full = join(root, path)
  try {
    if (!existsSync(dirname(full))) mkdirSync(dirname(full), { mode: 0o755 })
  } catch (cause) {
    throw fileFault(`cannot make folder ${dirname(path)}`, cause)
  }
  let copy: string | undefined
  if (there !== undefined) {
    copy = `${path}.${stamp}`
    for (let number = 2; existsSync(join(root, copy)); number++) copy = `${path}.${stamp}-${number}`
    replaceFile(join(root, copy), there, statSync(full).mode & 0o7777)
  }
  replaceFile(full, text, mode)
  return { path, state: "written", copy }
}

function notesOf({ netfilterPersistent, nftables }: BootServices, files: readonly BootFile[]): string[] {
  const writes = (prefix: string): boolean => files.some(({ path }) => path.startsWith(prefix))
  const off = [
    ...(writes("/etc/iptables/") && netfilterPersistent?.isEnabled === false
      ? ["netfilter-persistent.service"]
      : []),
    ...(writes(nftablesConf) && nftables?.isEnabled === false ? ["nftables.service"] : []),
  ]
  return off.map(
    (unit) =>
      `${unit} is not enabled: the rules are written and will not be loaded (systemctl enable ${unit})`,
  )
}
