import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { readRecords } from "../../../../src/secrets/host-records.ts"
import { importing, noAnsible } from "./importing.ts"

if (noAnsible) process.stderr.write(`skipped: an inventory that Ansible reads: ${noAnsible}\n`)

const home = mkdtempSync(join(tmpdir(), "fw-ansible-"))
afterAll(() => rmSync(home, { recursive: true }))

const inventory = join(home, "inventory.ini")
writeFileSync(
  inventory,
  `alone.example
[web]
web[01:03].example
[db]
db1 ansible_host=192.0.2.9 ansible_port=2222 ansible_ssh_common_args='-o ProxyJump=bastion'
[prod:children]
web
db
[all:vars]
ansible_user=ada
`,
)

describe.skipIf(noAnsible)("an inventory that Ansible reads", { timeout: 120_000 }, () => {
  it("is kept, and a part of it that a pattern of Ansible's means", () => {
    const first = importing(home, inventory, "prod:!web0[12]*")
    expect(first).toMatchObject({ code: 0, object: { hosts: 2, groups: ["db", "prod", "web"], new: 2 } })
    expect(first.records()).toEqual([
      {
        name: "db1",
        user: "ada",
        addresses: ["192.0.2.9"],
        port: 2222,
        jump: "bastion",
        groups: ["db", "prod"],
      },
      { name: "web03.example", user: "ada", addresses: [], groups: ["prod", "web"] },
    ])
    // A part takes nobody out of a group.
    const part = importing(home, inventory, "web01.example")
    expect(part.object).toMatchObject({ hosts: 1, new: 1, left: 0 })
    const whole = importing(home, inventory)
    expect(whole.object).toMatchObject({ hosts: 5, new: 2, unchanged: 3, left: 0 })
    expect(readRecords(whole.folder).map(({ name, groups }) => [name, groups])).toContainEqual([
      "alone.example",
      undefined,
    ])
    writeFileSync(inventory, "[web]\nweb01.example\n[all:vars]\nansible_user=ada\n")
    expect(importing(home, inventory).object).toMatchObject({ hosts: 1, unchanged: 1, left: 2 })
  })

  it("that is none, or holds nobody who is meant, is refused with Ansible's own words", () => {
    const none = importing(home, join(home, "nothing"))
    expect(none.code).toBe(78)
    expect(none.stderr).toContain("Unable to parse")
    expect(importing(home, inventory, "nobody").code).toBe(64)
  })
})
