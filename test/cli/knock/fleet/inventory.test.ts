import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isPrintedInventory, parseInventory } from "../../../../src/cli/knock/fleet/inventory.ts"

type Variables = Record<string, unknown>

const inventory = (hostvars: Record<string, Variables>, groups: Record<string, unknown> = {}): string =>
  JSON.stringify({ _meta: { hostvars }, all: { children: ["ungrouped", ...Object.keys(groups)] }, ...groups })

const one = (variables: Variables, name = "web1") => {
  const { hosts, leftOut } = parseInventory(inventory({ [name]: variables }), "f")
  return { host: hosts[0], said: leftOut.map(({ why }) => why) }
}

describe("an inventory as ansible-inventory prints it", () => {
  it("gives each host its groups and all that are above them", () => {
    const text = inventory(
      { web1: {}, web2: {}, lone: {} },
      {
        prod: { children: ["web", "db"] },
        web: { hosts: ["web1", "web2"] },
        db: { hosts: ["db1", "web1"] },
        listed: ["web2"],
        ungrouped: { hosts: ["lone"] },
        "no group": { hosts: ["web1"] },
      },
    )
    const { hosts, leftOut } = parseInventory(text, "f")
    const groups = Object.fromEntries(hosts.map((host) => [host.name, [...host.groups].sort()]))
    expect(groups).toEqual({
      web1: ["db", "prod", "web"],
      web2: ["listed", "prod", "web"],
      db1: ["db", "prod"],
      lone: [],
    })
    expect(leftOut).toEqual([{ host: undefined, why: expect.stringContaining('"no group"') }])
  })

  it("ends where groups are in each other", () => {
    const text = inventory({}, { a: { children: ["b"] }, b: { children: ["a"], hosts: ["web1"] } })
    expect(parseInventory(text, "f").hosts[0]?.groups).toEqual(["b", "a"])
  })

  it.each<[Variables, object]>([
    [{ ansible_host: "192.0.2.1" }, { addresses: ["192.0.2.1"], hostName: undefined }],
    [{ ansible_host: "web1.example" }, { addresses: [], hostName: "web1.example" }],
    [{ ansible_ssh_host: "2001:db8::1" }, { addresses: ["2001:db8::1"] }],
    [
      { ansible_port: 2222, ansible_user: "ada" },
      { port: 2222, user: "ada" },
    ],
    [
      { ansible_port: "2222", ansible_ssh_user: "ada" },
      { port: 2222, user: "ada" },
    ],
    [{ ansible_ssh_common_args: "-o ProxyJump=bastion" }, { jump: "bastion" }],
    [{ ansible_ssh_common_args: "-C -oProxyJump=ada@b:22,c" }, { jump: "ada@b:22,c" }],
    [{ ansible_ssh_extra_args: "-o 'proxyjump b' -J c" }, { jump: "b" }],
    [{ ansible_ssh_common_args: "-J ada@[2001:db8::1]:22" }, { jump: "ada@[2001:db8::1]:22" }],
    [{ ansible_ssh_common_args: "-o ProxyJump=none" }, { jump: undefined }],
    [{ ansible_ssh_common_args: "-o ControlMaster=auto" }, { jump: undefined }],
  ])("takes %j", (variables, wanted) => {
    const { host, said } = one(variables)
    expect(host).toMatchObject(wanted)
    expect(said).toEqual([])
  })

  it.each<[Variables, string]>([
    [{ ansible_host: "{{ address }}" }, "ansible_host"],
    [{ ansible_host: 7 }, "ansible_host"],
    [{ ansible_host: "-oProxyCommand=x" }, "ansible_host"],
    [{ ansible_port: "{{ port }}" }, "ansible_port"],
    [{ ansible_port: 0 }, "ansible_port"],
    [{ ansible_user: { __ansible_vault: "x" } }, "ansible_user"],
    [{ ansible_user: "-x" }, "ansible_user"],
    [{ ansible_ssh_common_args: "-o ProxyCommand='nc %h %p'" }, "ansible_ssh_common_args"],
    [{ ansible_ssh_common_args: "-J '{{ bastion }}'" }, "ansible_ssh_common_args"],
    [{ ansible_ssh_common_args: "-o 'ProxyJump" }, "ansible_ssh_common_args"],
  ])("leaves out what is not plain, and says so: %j", (variables, word) => {
    const { host, said } = one(variables)
    expect(host).toEqual({ name: "web1", addresses: [], groups: [] })
    expect(said).toEqual([`web1: ${said[0]?.includes("jump") ? "the jump in " : ""}${word} is not plain`])
  })

  it.each<[string, Variables]>([
    ["localhost", { ansible_connection: "local" }],
    ["web 1", {}],
    ["-x", {}],
    ["../x", {}],
  ])("leaves out %j, which is no host for ssh", (name, variables) => {
    const { host, said } = one(variables, name)
    expect([host, said.length]).toEqual([undefined, 1])
  })

  it("takes one of two spellings", () => {
    const { hosts, leftOut } = parseInventory(inventory({ Web1: {}, "web1.": {} }), "f")
    expect([hosts.map(({ name }) => name), leftOut.length]).toEqual([["Web1"], 1])
  })

  it("is refused where it is another text, and throws nothing else", () => {
    for (const text of ["", "{", "[]", "{}", '{"_meta":{}}', "[web]\nweb1\n"]) {
      expect(isPrintedInventory(text)).toBe(false)
      expect(() => parseInventory(text, "f")).toThrow(expect.objectContaining({ code: "configuration" }))
    }
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (vars, groups) => {
          const text = JSON.stringify({ ...groups, _meta: { hostvars: vars } })
          expect(() => parseInventory(text, "f")).not.toThrow()
        },
      ),
    )
  })
})
