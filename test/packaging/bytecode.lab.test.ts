import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Lab, labUnavailable } from "../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: the packaged fw-knock: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("fw-knock as it is packaged", () => {
  let lab: Lab
  let folder: string
  const launcher = (): string => join(folder, "launchers/fw-knock")
  beforeAll(() => {
    lab = new Lab()
    folder = join(lab.folder, "packaged")
    execFileSync("scripts/packaging/programs", [folder, join(folder, "launchers")], { stdio: "pipe" })
    const compile = '. scripts/packaging/functions.sh; compile_knock "$1"'
    lab.host("installing").run(["sh", "-euc", `ip link set lo up; ${compile}`, "sh", launcher()])
  })
  afterAll(() => lab.close())

  it("starts from bytecode that V8 takes, with the options of its launcher", () => {
    const [, options] = /node (.*?)\/\S+\/dist\/bin\/start-fw-knock\.js "\$@"$/m.exec(
      readFileSync(launcher(), "utf8"),
    ) as RegExpExecArray
    const taken = `
      const { readFileSync } = require("node:fs")
      const [program, cache] = process.argv.slice(1)
      const text = \`(function (exports, require, module, __filename, __dirname) {\${readFileSync(program, "utf8")}\\n})\`
      console.log(new vm.Script(text, { filename: program, cachedData: readFileSync(cache) }).cachedDataRejected)`
    const bin = join(folder, "dist/bin")
    const files = [join(bin, "fw-knock.js"), join(bin, "fw-knock.bytecode")]
    const ask = (...given: string[]) =>
      spawnSync(join(folder, "node"), [...given, "-e", taken, ...files], { encoding: "utf8" })
    expect(ask(...(options ?? "").split(" ").filter(Boolean))).toMatchObject({
      stdout: "false\n",
      stderr: "",
    })
  })

  it("starts without it, and with one that is broken", () => {
    for (const broken of [undefined, "no bytecode"]) {
      const spoil = broken === undefined ? "rm" : `echo ${broken} >`
      execFileSync("sh", ["-c", `${spoil} "$1"`, "sh", join(folder, "dist/bin/fw-knock.bytecode")])
      expect(spawnSync(launcher(), ["--version"], { encoding: "utf8" })).toMatchObject({
        status: 0,
        stderr: "",
      })
    }
  })
})
