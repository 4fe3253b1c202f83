import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { availableParallelism, cpus, release, totalmem } from "node:os"

/** What the figures were measured on; no name of the machine, no path. */
export function describeMachine(): Record<string, string | number> {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryMb: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    virtual: /^flags.*\bhypervisor\b/m.test(readFileSync("/proc/cpuinfo", "utf8")) ? "yes" : "no",
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown",
    node: process.versions.node,
    nft: versionOf("nft", "--version"),
    iptables: versionOf("iptables-nft", "--version"),
    iptablesLegacy: versionOf("iptables-legacy", "--version"),
    ngrep: versionOf("ngrep", "-V"),
    scapy: versionOf("/usr/bin/python3", "-c", "import scapy; print(scapy.VERSION)"),
    ping: versionOf("ping", "-V"),
    fwknop: versionOf("fwknopd", "-V"),
    knockd: versionOf("knockd", "-V"),
    nping: versionOf("nping", "--version"),
    hping3: versionOf("hping3", "--version"),
  }
}

function versionOf(program: string, ...args: readonly string[]): string {
  try {
    const said = execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
    return /\d[\d.]+/.exec(said)?.[0] ?? "unknown"
  } catch {
    return "missing"
  }
}
