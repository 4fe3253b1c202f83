import type { Command } from "commander"
import { bashCompletion } from "./bash.ts"
import { fishCompletion } from "./fish.ts"
import { zshCompletion } from "./zsh.ts"

/** One shell's completion: what it is made by, and where a package of Debian's has it. */
export interface ShellCompletion {
  readonly write: (program: Command) => string
  /** Below the root of the file system. */
  readonly folder: string
  readonly file: (program: string) => string
}

/** By the name of the shell. */
export const completions: Readonly<Record<"bash" | "zsh" | "fish", ShellCompletion>> = {
  bash: {
    write: bashCompletion,
    folder: "usr/share/bash-completion/completions",
    file: (program) => program,
  },
  zsh: {
    write: zshCompletion,
    folder: "usr/share/zsh/vendor-completions",
    file: (program) => `_${program}`,
  },
  fish: {
    write: fishCompletion,
    folder: "usr/share/fish/vendor_completions.d",
    file: (program) => `${program}.fish`,
  },
}
