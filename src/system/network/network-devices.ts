/** The interface names in a /proc/net/dev (proc_net(5)), which follows the network namespace where /sys does not. */
export function networkDevices(text: string): string[] {
  return text
    .split("\n")
    .slice(2)
    .map((line) => line.slice(0, line.indexOf(":")).trim())
    .filter((name) => name !== "")
}
