import { readFileSync } from "node:fs"
import { endianness } from "node:os"
import { addressText } from "../../wire/address.ts"
import { type Connection, isMapped } from "../../wire/tcp-connection.ts"

/** Every connection that stands now. Passed in for tests. */
export type ReadConnections = () => readonly Connection[]

/**
 * The states in which both sides have answered (include/net/tcp_states.h): ESTABLISHED, and those in which one side has
 * said that it is done. SYN_RECV is none: whether our SYN-ACK gets out is not known yet.
 */
const established: ReadonlySet<string> = new Set(["01", "04", "05", "08"])

/**
 * The connections of the caller's network namespace: proc(5), /proc/net/tcp and tcp6. None where they cannot be read.
 * @param readTable the text of either table
 */
export function readConnections(readTable = readProc): readonly Connection[] {
  return rowsOf(readTable).flatMap(({ local, remote, state, inode }) => {
    if (!established.has(state)) return []
    return [
      {
        localAddress: local.address,
        localPort: local.port,
        remoteAddress: remote.address,
        remotePort: remote.port,
        inode,
      },
    ]
  })
}

/** The TCP sockets that listen, each with its inode (state 0A, TCP_LISTEN). */
export function readListeners(
  readTable = readProc,
): readonly { readonly port: number; readonly inode: number }[] {
  return rowsOf(readTable).flatMap(({ local, state, inode }) =>
    state === "0A" ? [{ port: local.port, inode }] : [],
  )
}

const readProc = (table: "tcp" | "tcp6"): string => readFileSync(`/proc/self/net/${table}`, "latin1")

interface End {
  readonly address: string
  readonly port: number
}

interface Row {
  readonly local: End
  readonly remote: End
  readonly state: string
  readonly inode: number
}

function rowsOf(readTable: typeof readProc): readonly Row[] {
  return (["tcp", "tcp6"] as const).flatMap((table) => {
    try {
      return parseRows(readTable(table))
    } catch {
      return [] // a kernel without IPv6
    }
  })
}

/** Reads a table of proc(5): local and remote end in hex, state, and in the tenth field the inode. */
function parseRows(table: string): Row[] {
  return table.split("\n").flatMap((line) => {
    const [, from = "", to = "", state = "", , , , , , inode] = line.trim().split(/\s+/)
    const [local, remote] = [parseEnd(from), parseEnd(to)]
    if (local === undefined || remote === undefined) return []
    return [{ local, remote, state, inode: Number(inode) }]
  })
}

/** `0100007F:0016`: words of 32 bits as this machine's processor has them, the port as a number. */
function parseEnd(text: string): End | undefined {
  const [, hex, port] = /^((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4})$/.exec(text) ?? []
  if (hex === undefined || port === undefined) return undefined
  const bytes = Buffer.from(hex, "hex")
  if (endianness() === "LE") bytes.swap32()
  const address = addressText(isMapped(bytes) ? bytes.subarray(12) : bytes)
  return { address, port: Number.parseInt(port, 16) }
}
