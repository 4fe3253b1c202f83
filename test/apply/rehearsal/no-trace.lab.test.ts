import { spawn } from "node:child_process"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { inputOf, machineIn, rehearseOn } from "../../support/rehearsing.ts"

if (labUnavailable) process.stderr.write(`skipped: a rehearsal leaves no trace: ${labUnavailable}\n`)

/** Ways to reach the machine from a script that runs as root, each with the path by which it would. `$1`: a process of the machine's. */
const ways = [
  "echo 1 >/proc/irq/default_smp_affinity",
  "dmesg -n 3",
  "dmesg -C",
  "echo s >/proc/sysrq-trigger",
  "echo 7 >/proc/sys/vm/swappiness",
  "echo 1 >/proc/sys/net/ipv4/ip_forward",
  "sysctl -w kernel.hostname=taken",
  "hostname taken",
  "date -s 2001-01-01",
  "hwclock --systohc",
  "modprobe dummy",
  "insmod /lib/modules/nothing.ko",
  "echo taken >/dev/kmsg",
  "logger taken",
  "mknod /tmp/fw-watchdog-trace-node c 1 3 && rm /tmp/fw-watchdog-trace-node",
  "mount -t tmpfs none /mnt",
  "mount -o remount,rw /proc",
  "mount -o remount,rw /sys && echo 1 >/sys/kernel/mm/transparent_hugepage/khugepaged/defrag",
  "umount -l /tmp",
  "nsenter -t 1 -m -n touch /tmp/fw-watchdog-trace",
  "chroot /proc/1/root touch /tmp/fw-watchdog-trace",
  "kill -9 $VICTIM",
  "kill -STOP $VICTIM",
  "renice -n 5 -p $VICTIM",
  "touch /tmp/fw-watchdog-trace /etc/fw-watchdog-trace /root/fw-watchdog-trace /run/fw-watchdog-trace",
  "echo hello >/dev/tty",
  "stty -a </dev/tty",
  "for t in /dev/pts/[0-9]*; do echo taken >$t; done",
  "ipcmk -M 100; ipcrm -a",
  "ip link set lo down",
  "ip netns add fw-watchdog-trace",
  "mkdir /sys/fs/cgroup/fw-watchdog-trace",
  "swapoff -a",
  "keyctl add user taken taken @s",
  "systemctl stop fw-watchdog-trace",
  "shutdown -h now",
  "reboot -f",
  "(sleep 600 & ) ; setsid sleep 601 &",
  'perl -MIO::Socket::UNIX -e \'my $s = IO::Socket::UNIX->new(Peer => "$ENV{SOCKET}") or exit 1; print $s "taken"\'',
  "crontab -r",
  "cat /proc/kcore | head -c1",
  "cat /proc/keys | grep .",
]

describe.skipIf(labUnavailable)("a rehearsal", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it(`leaves no trace on the machine, in ${ways.length} ways`, async () => {
    const host = machineIn(lab)
    const victim = spawn("sleep", ["300"], { stdio: "ignore" })
    lab.own(victim)
    const socket = join(lab.folder, "socket")
    const heard: string[] = []
    const server = createServer((one) => one.on("data", (data) => heard.push(String(data))))
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    const read = (path: string): string => {
      try {
        return readFileSync(path, "utf8")
      } catch {
        return ""
      }
    }
    const state = (): Record<string, string> => ({
      affinity: read("/proc/irq/default_smp_affinity"),
      printk: read("/proc/sys/kernel/printk"),
      swappiness: read("/proc/sys/vm/swappiness"),
      hostname: read("/proc/sys/kernel/hostname"),
      swaps: read("/proc/swaps"),
      mounts: read("/proc/self/mounts")
        .split("\n")
        // Other tests mount there meanwhile.
        .filter((line) => !/ \/(run|tmp)\//.test(line))
        .join("\n"),
      links: host.sh("ip -o link; ip rule; sysctl -n net.ipv4.ip_forward"),
      victim: read(`/proc/${victim.pid}/stat`).split(" ").slice(2, 3).join(),
      nice: read(`/proc/${victim.pid}/stat`).split(" ")[18] ?? "gone",
      traces: ["/tmp", "/etc", "/root", "/run", "/run/netns", "/sys/fs/cgroup"]
        .filter((folder) => existsSync(`${folder}/fw-watchdog-trace`))
        .join(),
      shared: read("/proc/sysvipc/shm"),
    })
    const before = state()
    const began = Date.now()
    const script = `#!/bin/sh\nVICTIM=${victim.pid}; export SOCKET=${socket}\nR=/tmp/results; : >$R\n${ways
      .map((way, index) => `( ${way} ) >/dev/null 2>&1 && echo ${index} >>$R`)
      .join("\n")}\niptables -A INPUT -s 203.0.113.9 -j DROP\nexit 0\n`
    const done = await rehearseOn(host, inputOf(lab, script))
    await done.close()
    try {
      expect(state()).toEqual(before)
      expect(heard).toEqual([])
      expect(Math.abs(Date.now() - began)).toBeLessThan(120_000)
    } finally {
      if (read("/proc/irq/default_smp_affinity") !== before.affinity)
        writeFileSync("/proc/irq/default_smp_affinity", before.affinity ?? "")
      server.close()
      rmSync(socket, { force: true })
    }
  })
})
