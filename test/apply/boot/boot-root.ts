import { chmodSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

/** The services that a made-up machine has, and how they are set up. */
export interface BootRootOptions {
  readonly persistent?: "nft" | "legacy"
  readonly ipsets?: boolean
  readonly nftables?: "enabled" | "disabled"
  readonly conf?: string
}

/** A folder that stands for `/` of a Debian machine with these services, as their packages leave it. */
export function bootRoot({ persistent, ipsets, nftables, conf }: BootRootOptions): {
  root: string
  put: (path: string, text: string, mode?: number) => void
  text: (path: string) => string
} {
  const root = mkdtempSync(join(tmpdir(), "fw-boot-"))
  const put = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    chmodSync(join(root, path), mode)
  }
  const link = (path: string, to: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    symlinkSync(to, join(root, path))
  }
  mkdirSync(join(root, "etc"))
  if (persistent !== undefined) {
    put("/usr/share/netfilter-persistent/plugins.d/15-ip4tables", "", 0o755)
    put("/usr/share/netfilter-persistent/plugins.d/25-ip6tables", "", 0o755)
    link(
      "/etc/systemd/system/multi-user.target.wants/netfilter-persistent.service",
      "/lib/systemd/system/netfilter-persistent.service",
    )
    link("/usr/sbin/iptables-restore", "/etc/alternatives/iptables-restore")
    link("/etc/alternatives/iptables-restore", `/usr/sbin/iptables-${persistent}-restore`)
    link(`/usr/sbin/iptables-${persistent}-restore`, `xtables-${persistent}-multi`)
  }
  if (ipsets === true) put("/usr/share/netfilter-persistent/plugins.d/10-ipset", "", 0o755)
  if (nftables !== undefined) put("/lib/systemd/system/nftables.service", "")
  if (nftables === "enabled")
    link("/etc/systemd/system/sysinit.target.wants/nftables.service", "/lib/systemd/system/nftables.service")
  if (conf !== undefined) put("/etc/nftables.conf", conf, 0o755)
  return { root, put, text: (path) => readFileSync(join(root, path), "utf8") }
}

/** /etc/nftables.conf as Debian 12 ships it. */
export const debianConf = `#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	chain input {
		type filter hook input priority filter;
	}
	chain forward {
		type filter hook forward priority filter;
	}
	chain output {
		type filter hook output priority filter;
	}
}
`
