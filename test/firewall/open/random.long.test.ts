import { describeRandomOpens } from "./random-open.ts"

// A new stretch of seeds each day; the seed that fails stands in the test's name.
const first = Math.floor(Date.now() / 86_400_000) * 1_000
describeRandomOpens(Array.from({ length: 400 }, (_, index) => first + index))
