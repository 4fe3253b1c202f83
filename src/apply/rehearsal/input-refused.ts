import { Fault } from "../../errors.ts"

/** The rehearsal refused the input; nothing was changed. Its code is "refused". */
export class InputRefused extends Fault {
  /** The rule file that a script made and fed to a restore, for printing; undefined when there was none. */
  readonly generated: string | undefined

  /** @param message begins with "rules.sh:12", or with the name alone where no line is known */
  constructor(message: string, options: { readonly hint: string; readonly generated?: string | undefined }) {
    super("refused", message, { hint: options.hint })
    this.name = "InputRefused"
    this.generated = options.generated
  }
}
