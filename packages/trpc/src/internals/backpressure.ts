import type { Clock } from './clock.js'
import type { BufferedSocket } from './live-socket.js'

const OPEN = 1
const FIRST_LOOK_MS = 10
const SLOWEST_LOOK_MS = 250

/**
 * Waits until a WebSocket has room. tRPC writes to it without looking at what is still unsent, so a client that reads slowly
 * would fill the server's memory; `next()` waits instead, and the rows that it answers with then are the newest ones. `ws`
 * has no event for that, so it looks, and less often the longer it takes.
 */
export class Backpressure {
  readonly #socket: BufferedSocket | undefined
  readonly #limit: number
  readonly #clock: Clock
  #timer: unknown

  constructor(socket: BufferedSocket | undefined, limit: number, clock: Clock) {
    this.#socket = socket
    this.#limit = limit
    this.#clock = clock
  }

  /** True when there is room; else calls back, once, when there is. */
  hasRoom(onRoom: () => void): boolean {
    if (this.#isFree()) return true
    this.#look(onRoom, FIRST_LOOK_MS)
    return false
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #isFree(): boolean {
    // A socket that is closing takes nothing more: whoever waits is about to be ended.
    return !this.#socket || this.#socket.readyState !== OPEN || this.#socket.bufferedAmount <= this.#limit
  }

  #look(onRoom: () => void, delayMs: number): void {
    if (this.#timer !== undefined && delayMs === FIRST_LOOK_MS) return
    this.#timer = this.#clock.setTimeout(() => {
      if (!this.#isFree()) return this.#look(onRoom, Math.min(delayMs * 2, SLOWEST_LOOK_MS))
      this.#timer = undefined
      onRoom()
    }, delayMs)
  }
}
