/** The part of raw-socket 1.8.1 that raw-socket-transmitter.ts uses; read from its index.js and src/raw.cc. */
declare module "raw-socket" {
  import type { EventEmitter } from "node:events"

  export interface Socket extends EventEmitter {
    /** One and the same buffer for every message: copy what is kept. `source` is an address without its zone. */
    on(event: "message", listener: (message: Buffer, source: string) => void): this
    on(event: "error", listener: (error: Error) => void): this
    on(event: "close", listener: () => void): this
    /** Queues; `done` gets an Error whose message is strerror(errno), without a code, or null. */
    send(
      message: Buffer,
      offset: number,
      length: number,
      address: string,
      done: (error: Error | null, bytes: number) => void,
    ): this
    /** setsockopt(2); without a length the value is a native 32-bit integer. Throws with strerror(errno). */
    setOption(level: number, option: number, value: number): void
    setOption(level: number, option: number, value: Buffer, length: number): void
    /** Stops reading; the kernel goes on queueing. */
    pauseRecv(): this
    /** The socket below, one system call each; throws with strerror(errno), also where there is nothing to read. */
    readonly wrap: {
      recv(into: Buffer, take: (message: Buffer, bytes: number, source: string) => void): void
      send(message: Buffer, offset: number, length: number, address: string, sent: () => void): void
    }
    /** Never send after this: it would quietly open a new socket. */
    close(): this
  }

  /** Opens socket(2) SOCK_RAW at once; throws with strerror(errno). `addressFamily`: 1 is IPv4, 2 is IPv6. */
  export function createSocket(options: {
    protocol: number
    addressFamily: 1 | 2
    bufferSize?: number
  }): Socket
}
