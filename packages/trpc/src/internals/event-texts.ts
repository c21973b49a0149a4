import type { DataTransformer } from './transformer.js'

/** An event's id and its message, as `tracked` of tRPC pairs them. */
export type TrackedEvent = readonly [id: string, message: unknown, ...unknown[]]

/** Server-sent events as tRPC writes them, each made once for all subscribers that are sent it one after the other. */
export class EventTexts {
  readonly #transformer: DataTransformer
  #last: { readonly id: string; readonly message: unknown; readonly bytes: Buffer } | undefined

  constructor(transformer: DataTransformer) {
    this.#transformer = transformer
  }

  of([id, message]: TrackedEvent): Buffer {
    if (this.#last?.id === id && this.#last.message === message) return this.#last.bytes
    const bytes = Buffer.from(`data: ${JSON.stringify(this.#transformer.serialize(message))}\nid: ${id}\n\n\n`)
    this.#last = { id, message, bytes }
    return bytes
  }
}
