/** One filesystem of the machine, as proc_pid_mountinfo(5) lists it. */
export interface Mount {
  readonly at: string
  readonly type: string
  /** True when it can be the lower layer of an overlay; one that cannot is bound into the copy, to be read only. */
  readonly overlay: boolean
}

const overlaid = new Set(
  "ext2 ext3 ext4 xfs btrfs f2fs jfs reiserfs bcachefs zfs tmpfs ramfs overlay squashfs erofs rootfs".split(
    " ",
  ),
)

/** Made by the kernel, not files of the machine; the copy has its own of what a script may look for. */
const kernelMade = new Set(
  `proc sysfs devtmpfs devpts cgroup cgroup2 nsfs autofs mqueue hugetlbfs debugfs tracefs securityfs pstore bpf
  configfs fusectl efivarfs binfmt_misc rpc_pipefs nfsd selinuxfs`.split(/\s+/),
)

/** Folders that the copy has of its own, and the stores of containers and packages, where no script of rules writes. */
const leftOut =
  /^\/(proc|sys|dev|run|var\/run|var\/lock|snap|var\/lib\/(docker|containerd|containers|kubelet|lxc|lxd|machines))(\/|$)/

/** Takes /proc/PID/mountinfo apart. */
export function parseMountInfo(text: string): { at: string; type: string }[] {
  return text.split("\n").flatMap((line) => {
    const [before, behind] = line.split(" - ")
    const at = before?.split(" ")[4]
    const type = behind?.split(" ")[0]
    // Octal: proc_pid_mountinfo(5) leaves no blank in a field.
    return at === undefined || type === undefined
      ? []
      : [
          {
            at: at.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8))),
            type,
          },
        ]
  })
}

/**
 * The mounts that a copy of the machine's files needs, parents first.
 * @param except a folder whose mounts are the copy's own
 */
export function mountsToCopy(mounts: readonly { at: string; type: string }[], except: string): Mount[] {
  // Of two mounts on one place the last is what is seen.
  const seen = new Map<string, string>()
  for (const { at, type } of mounts) seen.set(at, type)
  const root = seen.get("/") ?? "rootfs"
  seen.delete("/")
  const others = [...seen]
    .filter(([at, type]) => !kernelMade.has(type) && !leftOut.test(at))
    .filter(([at]) => at !== except && !at.startsWith(`${except}/`))
    .map(([at, type]) => ({ at, type, overlay: overlaid.has(type) }))
    .sort((a, b) => (a.at < b.at ? -1 : 1))
  return [{ at: "/", type: root, overlay: true }, ...others]
}

/** The options of an overlay mount; a colon or comma in a path is escaped (overlayfs.rst, "Multiple lower layers"). */
export function overlayOptions(lower: readonly string[], upper: string, work: string): string {
  const escaped = (path: string): string => path.replace(/[\\:,]/g, "\\$&")
  return `lowerdir=${lower.map(escaped).join(":")},upperdir=${escaped(upper)},workdir=${escaped(work)}`
}
