import { expect, it } from "vitest"
import { interpreterOf } from "../../../src/apply/script/interpreter.ts"

it("an interpreter line has one argument, blanks and all", () => {
  expect(interpreterOf("#!/bin/bash -e -u\n", "/bin/sh")).toEqual(["/bin/bash", "-e -u"])
  expect(interpreterOf("#! /usr/bin/env bash\r\n", "/bin/sh")).toEqual(["/usr/bin/env", "bash"])
  expect(interpreterOf("iptables -F\n", "/bin/sh")).toEqual(["/bin/sh"])
})
