import type { Call } from '../../src/internals/live-types.js'
import { readEvent } from '../../src/internals/live-event.js'
import { announce, formatEventId, type Message, type Resume } from '../../src/protocol.js'

/** What tRPC would call a resolver with. */
export function plainCall(input?: unknown, signal?: AbortSignal): Call {
  return { ctx: {}, input, signal, getRawInput: () => Promise.resolve(input) }
}

/** The same for a client with `liveLink`, which may hold something from before. */
export function linkCall(
  options: {
    resume?: Partial<Resume> & Pick<Resume, 'version' | 'snapshot'>
    transformer?: boolean
    signal?: AbortSignal
  } = {},
): Call {
  const resume = options.resume && formatEventId({ state: '', ...options.resume })
  const raw = announce(undefined, { transformer: options.transformer ?? true, resume })
  return { ctx: {}, input: undefined, signal: options.signal, getRawInput: () => Promise.resolve(raw) }
}

/** Pulls from a subscription as tRPC does. */
export class Reader<Data> implements AsyncDisposable {
  readonly #iterator: AsyncIterator<Data, void, unknown>

  constructor(iterable: AsyncIterable<Data, void, unknown>) {
    this.#iterator = iterable[Symbol.asyncIterator]()
  }

  next(): Promise<IteratorResult<Data, void>> {
    return this.#iterator.next()
  }

  async value(): Promise<Data> {
    const result = await this.next()
    if (result.done) throw new Error('the subscription ended')
    return result.value
  }

  /** The message inside of a tracked event. */
  async message(): Promise<Message & Resume & { readonly eventId: string }> {
    const event = readEvent(await this.value())
    if (!event) throw new Error('not a message')
    const held = event.held ?? { version: '', snapshot: '', state: '' }
    return { ...event.message, ...held, eventId: event.id }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iterator.return?.()
  }
}
