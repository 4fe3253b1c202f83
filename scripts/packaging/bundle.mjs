// Bundles the programs, each as one CommonJS file: bundle.mjs FOLDER makes FOLDER/dist/bin/*.js and what they load at run
// time under FOLDER/node_modules, and prints the folders of the packages that went in, a line each.
// Why CommonJS: it starts faster than an ES module (native-notes/packaging.md has the figures).
import { cpSync, mkdirSync, readdirSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { build } from "esbuild"

const target = process.argv[2]
if (target === undefined) throw new Error("usage: bundle.mjs FOLDER")
const programs = readdirSync("src/bin").map((file) => basename(file, ".ts"))

/** Native code stays a file of its own, named by its place beside the programs: no package is looked for. */
const addonsOutside = {
  name: "addons-outside",
  setup({ onResolve }) {
    onResolve({ filter: /(\/pcap_binding|\/build\/Release\/raw\.node)$/ }, ({ path }) => ({
      path: `../../node_modules/${addons[path.endsWith(".node") ? 1 : 0]}`,
      external: true,
    }))
  },
}
const addons = ["pcap/build/Release/pcap_binding.node", "raw-socket/build/Release/raw.node"]

/** Built-in modules that a package wants for what this program never asks of it, and that take long to load. */
const standIns = {
  name: "stand-ins",
  setup({ onResolve }) {
    const standIn = (builtin, wantedBy, file) =>
      onResolve({ filter: new RegExp(`^${builtin}$`) }, ({ importer }) =>
        importer.includes(`/node_modules/${wantedBy}/`)
          ? { path: join(import.meta.dirname, file) }
          : undefined,
      )
    standIn("net", "raw-socket", "light-net.ts")
    standIn("node:child_process", "commander", "light-child-process.ts")
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
  charset: "ascii",
  keepNames: false,
  legalComments: "none",
  // CommonJS has no import.meta; the sources find their neighbours and package.json by it.
  define: { "import.meta.url": "importMetaUrl" },
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  // import() of a built-in module costs 2 ms in a CommonJS file; require() does not.
  supported: { "dynamic-import": false },
  plugins: [addonsOutside, standIns],
  metafile: true,
  logLevel: "warning",
})

for (const file of addons) {
  const to = join(target, "node_modules", file)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(join("node_modules", file), to)
}

const packages = new Set(["node_modules/nan"])
for (const input of Object.keys(metafile.inputs)) {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)
  if (found !== null) packages.add(found[1])
}
process.stdout.write(`${[...packages].sort().join("\n")}\n`)
