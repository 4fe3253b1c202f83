// The plan of src/ as rules; `scripts/test` holds it by dependency-cruiser, and test/architecture.test.ts breaks each
// rule once. `import type` counts like any other import. Sizes and names are in that test, globals in biome.json.

/**
 * The rooms, stage by stage. A room imports from itself and from the stages above its own: from nothing below, and from
 * no neighbour. The files that lie directly in a folder come after the rooms in it.
 */
const stages = [
  ["clock.ts", "errors.ts", "signal-child.ts"],
  ["wire", "report"],
  ["capture", "transmit", "knock", "system"],
  ["pipe", "secrets", "ssh", "client", "firewall/tools", "firewall/sandbox"],
  ["listener", "firewall/snapshot"],
  ["firewall/obstacles"],
  ["firewall/open", "firewall/restore", "firewall/merge"],

  ["apply/input.ts", "apply/ssh-client.ts", "apply/candidate", "apply/difference"],
  ["apply/rehearsal", "apply/boot"],
  ["apply/script", "apply/lockout"],
  ["apply"],

  ["guard/machine"],
  ["guard/state"],
  ["guard/listeners", "guard/reboot"],
  ["guard/knocks"],
  ["guard/runtime"],
  ["guard/control"],
  ["guard/launch"],
  ["guard"],

  ["check", "cli/terminal"],
  ["cli/arming"],
  ["cli/watchdog", "cli/knock"],
  ["cli/apply"],
  ["bin"],
]

/** Each package that src/ imports, and the one room that does. */
const doors = {
  pcap: "capture",
  "raw-socket": "transmit",
  execa: "system",
  pino: "report",
  diff: "apply/difference",
  commander: "cli",
  "@noble/hashes": "knock",
  "@noble/ciphers": "knock",
}

/** Rooms of pure functions: no module of Node's and no package, there or in anything they import, but @noble's. */
const pure = ["wire", "knock", "guard/machine"]

/**
 * What must not be reached, by however many imports: the guard is root and has no packet socket, the listener is the
 * first to be attacked and holds nothing, and fw-knock runs where there is no guard.
 */
const apart = {
  guard: ["capture", "transmit", "listener", "apply"],
  "bin/guard.ts": ["capture", "transmit", "listener"],
  "bin/listener.ts": ["secrets", "firewall", "guard"],
  "bin/fw-knock.ts": ["capture", "listener", "firewall", "guard", "apply"],
}

const rooms = stages.flat()
const inRoom = (room) => (room.endsWith(".ts") ? `^src/${room.replace(".", "\\.")}$` : `^src/${room}/`)
const roomsWithin = (room) => rooms.filter((other) => other.startsWith(`${room}/`))
const ofPackage = (name) => `(^|node_modules/)${name}(/|$)`
const forbid = (name, comment, rule) => ({ name, comment, severity: "error", ...rule })

export default {
  forbidden: [
    forbid("no-cycle", "these files import each other", { from: {}, to: { circular: true } }),
    ...stages.flatMap((stage, index) =>
      stage.map((room) =>
        forbid(
          "stage-order",
          "a room imports from itself and the stages above it, see .dependency-cruiser.mjs",
          {
            from: { path: inRoom(room), pathNot: roomsWithin(room).map(inRoom) },
            to: { path: "^src/", pathNot: [room, ...stages.slice(0, index).flat()].map(inRoom) },
          },
        ),
      ),
    ),
    forbid("no-room", "this file lies in none of the rooms of .dependency-cruiser.mjs", {
      from: {},
      module: { path: "^src/", pathNot: rooms.map(inRoom), numberOfDependentsLessThan: 100 },
    }),
    forbid("unused", "nothing in src imports this file", {
      from: {},
      module: { path: "^src/", pathNot: ["^src/bin/", "\\.d\\.ts$"], numberOfDependentsLessThan: 1 },
    }),
    ...Object.entries(doors).map(([name, room]) =>
      forbid(`door-${name}`, `${name} comes in by src/${room} alone`, {
        from: { pathNot: inRoom(room) },
        to: { path: ofPackage(name) },
      }),
    ),
    forbid("no-door", "this package has no room in .dependency-cruiser.mjs that it comes in by", {
      from: {},
      to: { dependencyTypesNot: ["core"], pathNot: ["^src/", ...Object.keys(doors).map(ofPackage)] },
    }),
    forbid("pure", "a pure room reaches nothing that could do I/O", {
      from: { path: pure.map(inRoom) },
      to: { path: "^(?!src/|(node_modules/)?@noble/)", reachable: true },
    }),
    forbid("pure-crypto", "the pure rooms have their cryptography from src/knock/crypto.ts", {
      from: { path: pure.map(inRoom), pathNot: "^src/knock/crypto\\.ts$" },
      to: { path: "^(node_modules/)?@noble/" },
    }),
    ...Object.entries(apart).map(([room, others]) =>
      forbid(`apart-${room}`, `src/${room} must not reach ${others.join(", ")}`, {
        from: { path: inRoom(room) },
        to: { path: others.map(inRoom), reachable: true },
      }),
    ),
  ],
  options: { parser: "swc", doNotFollow: { path: "node_modules" } },
}
