import { spawnSync } from "node:child_process"
import type { Host } from "../../support/lab/lab.ts"

/** A mount namespace in which files of the system can be changed without the system noticing. */
export class OwnFiles {
  readonly pid: number

  private constructor(pid: number) {
    this.pid = pid
  }

  /** Starts a process in `host` that holds the namespace open until the lab closes. */
  static async on(host: Host): Promise<OwnFiles> {
    const child = host.start([
      "unshare",
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-c",
      "echo up; exec sleep infinity",
    ])
    await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()))
    if (child.pid === undefined) throw new Error("the mount namespace could not be made")
    return new OwnFiles(child.pid)
  }

  /** Runs a script in it. */
  sh(script: string): void {
    const enter = [`--mount=/proc/${this.pid}/ns/mnt`, `--net=/proc/${this.pid}/ns/net`]
    const result = spawnSync("nsenter", [...enter, "--", "sh", "-ec", script], { encoding: "utf8" })
    if (result.status !== 0) throw new Error(`${script}: ${result.stderr}`)
  }
}
