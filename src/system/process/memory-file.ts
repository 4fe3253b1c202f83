import { closeSync, constants, fstatSync, openSync, readSync, statfsSync } from "node:fs"

/** A tmpfs on every Linux with udev or in a container (file-hierarchy(7)). */
const folder = "/dev/shm"
/** O_TMPFILE without the bit that it shares with O_DIRECTORY (uapi/asm-generic/fcntl.h): a file that has no name, and goes with us. */
const tmpfile = 0o20000000 | constants.O_DIRECTORY

/** A file in memory, for the output of a program. */
export class MemoryFile {
  readonly descriptor: number

  private constructor(descriptor: number) {
    this.descriptor = descriptor
  }

  /** Undefined where there is no such file, or not as much room as `size` bytes. */
  static open(size: number): MemoryFile | undefined {
    try {
      const { bavail, bsize } = statfsSync(folder)
      if (bavail * bsize < size) return undefined
      return new MemoryFile(openSync(folder, tmpfile | constants.O_RDWR, 0o600))
    } catch {
      return undefined
    }
  }

  /** Everything that was written into it. */
  read(): Buffer {
    const { size } = fstatSync(this.descriptor)
    const bytes = Buffer.allocUnsafe(size)
    return bytes.subarray(0, readSync(this.descriptor, bytes, 0, size, 0))
  }

  close(): void {
    closeSync(this.descriptor)
  }
}
