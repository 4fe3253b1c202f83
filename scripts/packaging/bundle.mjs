// Bundles the programs, each as one CommonJS file: bundle.mjs FOLDER makes FOLDER/dist/bin/*.js and what they load at run
// time under FOLDER/node_modules, and prints the folders of the packages that went in, a line each.
// Why CommonJS: it starts faster than an ES module (native-notes/packaging.md has the figures).
import { cpSync, mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { build } from "esbuild"

const target = process.argv[2]
if (target === undefined) throw new Error("usage: bundle.mjs FOLDER")
const programs = ["fw-watchdog", "fw-knock", "guard", "listener"]

/** Native code stays a file of its own, where Node finds it as it finds it in node_modules. */
const addonsOutside = {
  name: "addons-outside",
  setup({ onResolve }) {
    onResolve({ filter: /\/pcap_binding$/ }, () => ({
      path: "pcap/build/Release/pcap_binding.node",
      external: true,
    }))
  },
}

const { metafile } = await build({
  entryPoints: programs.map((name) => `src/bin/${name}.ts`),
  outdir: join(target, "dist/bin"),
  bundle: true,
  platform: "node",
  target: `node${process.versions.node}`,
  format: "cjs",
  minify: true,
  keepNames: false,
  legalComments: "none",
  // CommonJS has no import.meta; the sources find their neighbours and package.json by it.
  define: { "import.meta.url": "importMetaUrl" },
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  // import() of a built-in module costs 2 ms in a CommonJS file; require() does not.
  supported: { "dynamic-import": false },
  plugins: [addonsOutside],
  metafile: true,
  logLevel: "warning",
})

// raw-socket is loaded by createRequire, so that a missing addon is a message and not a crash: it stays a package.
const loadedAtRunTime = [
  "pcap/build/Release/pcap_binding.node",
  "raw-socket/index.js",
  "raw-socket/package.json",
  "raw-socket/build/Release/raw.node",
]
for (const file of loadedAtRunTime) {
  const to = join(target, "node_modules", file)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(join("node_modules", file), to)
}

const packages = new Set(["node_modules/raw-socket", "node_modules/nan"])
for (const input of Object.keys(metafile.inputs)) {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)
  if (found !== null) packages.add(found[1])
}
process.stdout.write(`${[...packages].sort().join("\n")}\n`)
