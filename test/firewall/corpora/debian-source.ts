import { spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
/** Tried in this order: the one that this project is built for, then newer ones, whose tests hold all of the older one's. */
const suites = ["bookworm", "trixie", "sid"]

/** The unpacked source of a package, or the reason why it could not be had. */
export interface Fetched {
  readonly folder: string
  readonly missing?: string
}

/**
 * Fetches a Debian source package by `apt-get source`, with lists, cache and configuration of its own below `folder`: nothing
 * of this machine's apt is read or written but the archive's keys.
 *
 * `FW_CORPORA` names a folder that holds it unpacked already, where a mirror lacks it.
 */
export function fetchSource(folder: string, name: string): Fetched {
  const given = process.env.FW_CORPORA
  const ready = given === undefined ? undefined : unpacked(given, name)
  if (ready !== undefined) return { folder: ready }
  const apt = (args: readonly string[]): string | undefined => {
    const ran = spawnSync("apt-get", ["-q", ...options(folder), ...args], {
      cwd: join(folder, "sources"),
      encoding: "utf8",
      timeout: 300_000,
      env: { ...process.env, APT_CONFIG: join(folder, "apt.conf") },
    })
    return ran.status === 0 ? undefined : `${ran.error ?? ran.stderr}`.trim().split("\n").at(-1)
  }
  for (const made of ["sources", "lists/partial", "archives/partial", "parts"])
    mkdirSync(join(folder, made), { recursive: true })
  writeFileSync(join(folder, "apt.conf"), "")
  writeFileSync(join(folder, "status"), "")
  const reasons: string[] = []
  for (const suite of suites) {
    writeFileSync(
      join(folder, "sources.list"),
      `deb-src [signed-by=${keyring}] http://deb.debian.org/debian ${suite} main\n`,
    )
    const failed = apt(["update"]) ?? apt(["source", name])
    const found = failed === undefined ? unpacked(join(folder, "sources"), name) : undefined
    if (found !== undefined) return { folder: found }
    reasons.push(`${suite}: ${failed ?? "it left no folder"}`)
  }
  return { folder, missing: `apt-get source ${name}: ${reasons.join("; ")}` }
}

function options(folder: string): string[] {
  const settings = {
    "Dir::Etc": join(folder, "parts"),
    "Dir::Etc::sourcelist": join(folder, "sources.list"),
    "Dir::State": folder,
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": folder,
    "Dir::Cache::archives": join(folder, "archives"),
    "APT::Sandbox::User": "root",
    "APT::Update::Post-Invoke-Success": "",
  }
  return Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])
}

function unpacked(folder: string, name: string): string | undefined {
  const found = readdirSync(folder, { withFileTypes: true }).find(
    (entry) => entry.isDirectory() && new RegExp(`^${name}-\\d`).test(entry.name),
  )
  return found && join(folder, found.name)
}
