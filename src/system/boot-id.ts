import { readFileSync } from "node:fs"

/** The identity of this boot; random(4). */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
}
