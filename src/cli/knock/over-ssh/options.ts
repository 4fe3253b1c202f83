import { Fault } from "../../../errors.ts"
import { parseDuration } from "../../terminal/duration.ts"

/** The options of the commands that go over ssh, as commander hands them over. */
export interface SshOptionTexts {
  readonly ssh: string
  readonly via?: string
  readonly wait?: string
  readonly join?: boolean
  readonly install?: boolean
  readonly json?: boolean
  readonly expires?: string
}

/** The same, checked. */
export interface SshOptions {
  /** The ssh to use, as text. */
  readonly ssh: string
  /** Jump hosts as ProxyJump has them, `none` for a straight way; undefined: as ssh's configuration has it. */
  readonly via: string | undefined
  readonly waitMs: number
  readonly join: boolean
  readonly install: boolean
}

/** @throws Fault `usage` */
export function checkSshOptions({ ssh, via, wait = "10s", join, install }: SshOptionTexts): SshOptions {
  if (via === "") throw new Fault("usage", "--via is empty: a jump host, or none, is wanted")
  return {
    ...{ ssh, via },
    waitMs: parseDuration(wait, "--wait", { min: 100, max: 600_000 }),
    join: join ?? false,
    install: install ?? false,
  }
}
