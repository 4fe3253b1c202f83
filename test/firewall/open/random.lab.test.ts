import { labUnavailable } from "../../support/lab/lab.ts"
import { describeRandomOpens } from "./random-open.ts"

if (labUnavailable) process.stderr.write(`skipped: random opens: ${labUnavailable}\n`)

describeRandomOpens(Array.from({ length: 25 }, (_, index) => index + 1))
