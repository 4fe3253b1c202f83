// Starts fw-knock with the bytecode that the package's postinst had V8 make here (`start-fw-knock.js --compile`): 3 ms sooner on
// the wire. Without it, or with one of another Node.js or processor, which V8 refuses, the same from source.
const { readFileSync, renameSync, writeFileSync } = require("node:fs")
const { Script } = require("node:vm")
const program = `${__dirname}/fw-knock.js`
const cache = `${__dirname}/fw-knock.bytecode`

let cachedData
try {
  cachedData = readFileSync(cache)
} catch {}
const script = new Script(
  `(function (exports, require, module, __filename, __dirname) {${readFileSync(program, "utf8")}\n})`,
  { filename: program, cachedData },
)
if (process.argv[2] === "--compile") {
  // What a knock runs is compiled when it runs: one to nobody, with the rest of the command line.
  process.argv.splice(2, 1)
  process.on("exit", () => {
    writeFileSync(`${cache}.new`, script.createCachedData())
    renameSync(`${cache}.new`, cache)
    process.exitCode = 0
  })
}
script.runInThisContext()(exports, require, module, program, __dirname)
