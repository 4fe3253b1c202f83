import { Fault } from "../../errors.ts"

/** The rehearsal refused the input; nothing was changed. Its code is "refused". */
export class InputRefused extends Fault {
  /** "rules.sh:12", or the name alone where no line is known. */
  readonly where: string
  /** The rule file that a script made and fed to a restore, for printing; undefined when there was none. */
  readonly generated: string | undefined

  constructor(
    message: string,
    options: { readonly where: string; readonly hint: string; readonly generated?: string | undefined },
  ) {
    super("refused", message, { hint: options.hint })
    this.name = "InputRefused"
    this.where = options.where
    this.generated = options.generated
  }
}
