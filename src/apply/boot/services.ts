import { existsSync, lstatSync, readFileSync, readlinkSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { isLegacyFile } from "../../firewall/tools/detect.ts"

/** The services that load rules when this machine starts. */
export interface BootServices {
  /** netfilter-persistent(8): its plugins load rules.v4, rules.v6 and ipsets of /etc/iptables; undefined: not installed. */
  readonly netfilterPersistent:
    | {
        /** The backend of plain `iptables-restore`, which the plugins call. */
        readonly backend: "nft" | "legacy"
        readonly hasIpsets: boolean
        readonly isEnabled: boolean
      }
    | undefined
  /** nftables.service: `nft -f /etc/nftables.conf`. */
  readonly nftables: { readonly isEnabled: boolean } | undefined
}

/**
 * Looks for the services and whether they are enabled.
 * @param root the folder that stands for `/`
 */
export function findBootServices(root: string): BootServices {
  const has = (path: string): boolean => existsSync(join(root, path))
  const plugin = (name: string): boolean => has(`/usr/share/netfilter-persistent/plugins.d/${name}`)
  const unit = (name: string): boolean =>
    ["/lib", "/usr/lib", "/etc"].some((folder) => has(`${folder}/systemd/system/${name}`))
  return {
    netfilterPersistent: plugin("15-ip4tables")
      ? {
          backend: plainBackend(root),
          hasIpsets: plugin("10-ipset"),
          isEnabled: isEnabled(root, "netfilter-persistent.service"),
        }
      : undefined,
    nftables: unit("nftables.service") ? { isEnabled: isEnabled(root, "nftables.service") } : undefined,
  }
}

/** Tells whether some target wants a unit. A link that leads out of `root` counts: only its name matters. */
function isEnabled(root: string, unit: string): boolean {
  return ["sysinit", "multi-user", "network-pre", "basic"].some((target) =>
    isLinkOrFile(join(root, `/etc/systemd/system/${target}.target.wants/${unit}`)),
  )
}

function isLinkOrFile(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch {
    return false
  }
}

/** The multi-call program that `iptables-restore` is a link to, alternatives followed within `root`. */
function plainBackend(root: string): "nft" | "legacy" {
  let path = ["/usr/sbin", "/sbin"]
    .map((folder) => `${folder}/iptables-restore`)
    .find((one) => isLinkOrFile(join(root, one)))
  for (let hops = 0; path !== undefined && hops < 8; hops++) {
    try {
      path = resolve(dirname(path), readlinkSync(join(root, path)))
    } catch {
      break
    }
  }
  return path !== undefined && isLegacyFile(basename(path)) ? "legacy" : "nft"
}

/** The text of a file below `root`; undefined when it is not there. */
export function readBelow(root: string, path: string): string | undefined {
  try {
    return readFileSync(join(root, path), "utf8")
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw cause
  }
}
