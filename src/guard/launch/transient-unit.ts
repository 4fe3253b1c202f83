import type { GuardStart } from "../../system/process/armed-process.ts"
import { withNotifySocket } from "./systemd-notify.ts"

/** The name of the transient unit; there is one first network namespace, so there is one of it. */
export const unitName = "fw-watchdog-session.service"

/** Units that take rules away when a machine goes down: not before the guard has looked at them and kept its promises. */
const firewallServices = [
  "nftables",
  "netfilter-persistent",
  "iptables",
  "ip6tables",
  "firewalld",
  "ufw",
  "shorewall",
].map((name) => `${name}.service`)

/**
 * Where systemd runs, the guard is a transient unit of its own (systemd-run(1)): no logout, KillUserProcesses= or cgroup of
 * the arming session reaches it, and a guard that is killed is started again. Its order still goes through the pipe that it
 * inherits; started again it finds that pipe at its end, which means "resume".
 *
 * @param perl connects the guard to systemd (systemd-notify.ts); without it systemd knows no more than that it runs
 * @param environment what the guard is to have of an environment
 * @param startMs how long it may take to arm, in milliseconds
 */
export function asTransientUnit(
  systemdRun: string,
  perl: string | undefined,
  guard: GuardStart,
  environment: Readonly<Record<string, string>>,
  startMs: number,
): GuardStart {
  const properties = [
    "Restart=on-failure",
    "RestartSec=500ms",
    "StartLimitIntervalSec=0", // however often it is killed
    "RestartPreventExitStatus=1", // it said why it does not arm
    `After=${firewallServices.join(" ")}`,
    "KillMode=process", // a restore that is under way ends by itself
    `TimeoutStartSec=${Math.ceil(startMs / 1000)}s`,
    "TimeoutStopSec=200s", // a rollback that is owed
    // One that hangs is better killed, one that is only slow is not: it says every 6 s that it is alive.
    ...(perl === undefined ? [] : ["WatchdogSec=60s"]),
    "OOMScoreAdjust=-1000",
    "LimitCORE=0",
    "Nice=-10",
  ]
  const start = perl === undefined ? guard : withNotifySocket(perl, guard)
  return {
    path: systemdRun,
    args: [
      "--quiet",
      "--collect",
      "--pipe",
      `--service-type=${perl === undefined ? "exec" : "notify"}`,
      `--unit=${unitName}`,
      "--description=fw-watchdog session",
      ...properties.map((property) => `--property=${property}`),
      ...Object.entries(environment).map(([name, value]) => `--setenv=${name}=${value}`),
      "--",
      start.path,
      ...start.args,
    ],
  }
}
