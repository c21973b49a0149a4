import type { LiveInput, LiveOptions, Realtime } from '@pg-realtime/core'
import { TRPCError } from '@trpc/server'
import { isCurrent, type ReceivedInput } from '../protocol.js'
import { Backpressure } from './backpressure.js'
import { systemClock } from './clock.js'
import { finalError } from './errors.js'
import { EventStream } from './event-stream.js'
import { EventTexts } from './event-texts.js'
import { Feed } from './feed.js'
import { Floor, SharedBarrier } from './floor.js'
import { receiveCall } from './live-procedure.js'
import { responseOf, socketOf } from './live-socket.js'
import type { Call, CreateLiveOptions, LiveResolver, LiveSubscriptionOptions, OptionsFor } from './live-types.js'
import { Projections } from './projection.js'
import type { Outlet, Source, SourceEvents } from './subscriber.js'
import { outputTransformer } from './transformer.js'
import { LinkView, PlainView, type Presentation, type View } from './view.js'

/** One `live(resolver, options)` of the application. */
export interface LiveDefinition<DB> {
  readonly resolver: LiveResolver<Call, object>
  readonly options: OptionsFor<Call, LiveSubscriptionOptions<DB, object, unknown>> | undefined
  readonly single: boolean
}

const DEFAULTS = { graceMs: 5_000, resumeWaitMs: 5_000, maxBufferedBytes: 1_048_576, clock: systemClock }

/** What all subscriptions of one `createLive` share. */
export class LiveServer<DB> {
  readonly #realtime: Realtime<DB>
  readonly #options: CreateLiveOptions & typeof DEFAULTS
  readonly #projections: Projections
  readonly #texts: EventTexts
  readonly #barrier: SharedBarrier

  constructor(realtime: Realtime<DB>, options: CreateLiveOptions) {
    this.#realtime = realtime
    this.#options = { ...DEFAULTS, ...options }
    const transformer = outputTransformer(options.transformer)
    this.#projections = new Projections(transformer)
    this.#texts = new EventTexts(transformer)
    this.#barrier = new SharedBarrier(realtime)
  }

  /** Asks the application for the query. What it answers with opens the live query, which nobody may want by then. */
  async prepare(definition: LiveDefinition<DB>, call: Call, events: SourceEvents): Promise<() => Source<unknown>> {
    const received = await receiveCall(call)
    this.#check(received)
    const opts = { ...call, input: received.input }
    const query = await definition.resolver(opts)
    const given = typeof definition.options === 'function' ? await definition.options(opts) : definition.options
    const { map, ...options } = given ?? {}
    const presentation = { projection: this.#projections.of(map), single: definition.single }
    const view = this.#view(presentation, received, events)
    const openOutlet = () => this.#outlet(call, received)
    return () => this.#open(query, options, view, openOutlet, events)
  }

  #check({ announcement }: ReceivedInput): void {
    const hasTransformer = this.#options.transformer !== undefined
    if (!isCurrent(announcement) || announcement.transformer === hasTransformer) return
    throw new TRPCError({
      code: 'PRECONDITION_FAILED',
      message: hasTransformer
        ? 'createLive() was given a transformer and liveLink() was not: pass the same one to both.'
        : 'liveLink() was given a transformer and createLive() was not: pass the same one to both.',
    })
  }

  #view(presentation: Presentation, received: ReceivedInput, { onChange }: SourceEvents): View<unknown> {
    if (!isCurrent(received.announcement)) return new PlainView(presentation)
    const { resumeWaitMs, clock } = this.#options
    const floor = new Floor({
      seen: received.resume?.snapshot,
      barrier: () => this.#barrier.join(),
      waitMs: resumeWaitMs,
      clock,
      onChange,
    })
    return new LinkView(presentation, received.resume, floor)
  }

  /** Clients without `liveLink` are sent what the application's own code may have changed: only tRPC knows the events. */
  #outlet({ ctx }: Call, { announcement }: ReceivedInput): Outlet<unknown> {
    const response = isCurrent(announcement) ? responseOf(ctx) : undefined
    if (response) return new EventStream(response, this.#texts)
    const { maxBufferedBytes, clock } = this.#options
    return new Backpressure(socketOf(ctx), maxBufferedBytes, clock)
  }

  #open(
    query: LiveInput<object>,
    options: LiveOptions<DB, object>,
    view: View<unknown>,
    openOutlet: () => Outlet<unknown>,
    { onChange, onError }: SourceEvents,
  ): Source<unknown> {
    const { graceMs, clock } = this.#options
    const feed = open(
      () =>
        new Feed({
          realtime: this.#realtime,
          query,
          options,
          graceMs,
          clock,
          onChange,
          onRows: (update) => view.advance(update),
          onFinal: onError,
        }),
    )
    const outlet = openOutlet()
    return {
      take: () => view.take(feed.state),
      hasRoom: (onRoom) => outlet.hasRoom(onRoom),
      deliver: (value) => outlet.deliver?.(value) ?? false,
      close: () => {
        outlet.close()
        view.close()
        feed.close()
      },
    }
  }
}

function open<Opened>(make: () => Opened): Opened {
  try {
    return make()
  } catch (error) {
    throw finalError(error) ?? error
  }
}
