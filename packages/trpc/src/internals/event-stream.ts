import type { EventTexts, TrackedEvent } from './event-texts.js'
import type { EventResponse } from './live-socket.js'

/**
 * The response of one subscription over server-sent events. tRPC passes each event through two generators and four
 * streams, which costs twenty times what it costs to write it; so events go past them, straight into the response, while
 * tRPC's stream stays open for its own: the first words, pings, errors, the end.
 *
 *   through tRPC ──(the event that tRPC was given last has come out, byte by byte what would have been written)──► past it
 *
 * That it comes out so is what proves that nothing between here and the response alters events or holds them back,
 * whichever version of tRPC it is; where it never does, everything goes through tRPC. Past it, an event is only written
 * between two others, as tRPC writes its own in pieces, and while the response has room.
 */
export class EventStream {
  readonly #response: EventResponse
  readonly #texts: EventTexts
  /** What is awaited to come out of tRPC, and how much of it has; -1: what comes out is something else. */
  #expected: Buffer | undefined
  #matched = -1
  #isPast = false
  /** Nothing has been written since the end of an event. */
  #isBetween = true
  #isFull = false
  #isListening = false
  #onRoom: (() => void) | undefined

  constructor(response: EventResponse, texts: EventTexts) {
    this.#response = response
    this.#texts = texts
    const write = response.write.bind(response)
    response.write = (chunk, ...rest) => {
      this.#begin(chunk)
      const hasRoom = write(chunk, ...rest)
      this.#end(chunk, hasRoom)
      return hasRoom
    }
  }

  /** True when an event may be delivered; else calls back, once, when it may. */
  hasRoom(onRoom: () => void): boolean {
    if (this.#isReady()) return true
    this.#onRoom = onRoom
    return false
  }

  /** Writes an event. False: it has to go through tRPC. */
  deliver(event: TrackedEvent): boolean {
    const bytes = this.#texts.of(event)
    if (!this.#isPast) {
      this.#expected = bytes
      this.#matched = -1
      return false
    }
    // One that is gone, or ended, has no reader: its subscription is about to be ended.
    if (this.#response.writableEnded || this.#response.destroyed) return true
    this.#response.write(bytes)
    this.#response.flush?.()
    return true
  }

  close(): void {
    this.#onRoom = undefined
    this.#expected = undefined
    this.#response.off('drain', this.#drained)
  }

  #isReady(): boolean {
    return !this.#isFull && (this.#isBetween || !this.#isPast)
  }

  #begin(chunk: string | Uint8Array): void {
    if (this.#expected) this.#compare(this.#expected, chunk)
    this.#isBetween = false
  }

  #end(chunk: string | Uint8Array, hasRoom: boolean): void {
    if (!hasRoom) this.#awaitDrain()
    this.#isBetween = endsEvent(chunk)
    this.#settle()
  }

  #compare(expected: Buffer, chunk: string | Uint8Array): void {
    const from = this.#isBetween ? 0 : this.#matched
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const isSame = from >= 0 && expected.subarray(from, from + bytes.length).equals(bytes)
    this.#matched = isSame ? from + bytes.length : -1
    if (this.#matched < expected.length) return
    this.#isPast = true
    this.#expected = undefined
  }

  /** Listens once and for all: where a middleware compresses, listeners cannot be taken away again. */
  #awaitDrain(): void {
    this.#isFull = true
    if (this.#isListening) return
    this.#isListening = true
    this.#response.on('drain', this.#drained)
  }

  readonly #drained = (): void => {
    this.#isFull = false
    this.#settle()
  }

  #settle(): void {
    const onRoom = this.#onRoom
    if (!onRoom || !this.#isReady()) return
    this.#onRoom = undefined
    onRoom()
  }
}

const LINE_FEED = 10

function endsEvent(chunk: string | Uint8Array): boolean {
  if (typeof chunk === 'string') return chunk.endsWith('\n\n')
  return chunk.at(-1) === LINE_FEED && chunk.at(-2) === LINE_FEED
}
