import type { LiveInput, LiveOptions } from '@pg-realtime/core'
import type { Clock } from './clock.js'
import type { WireRow } from './projection.js'
import type { Transformer } from './transformer.js'

export interface CreateLiveOptions {
  /** The transformer that `initTRPC.create({ transformer })` was given, if any; needed as soon as clients use `liveLink`. */
  readonly transformer?: Transformer
  /** How long a live query stays open after its last subscriber has left, in milliseconds. Default 5,000. */
  readonly graceMs?: number
  /**
   * How long a client that reconnects waits at most for rows no older than those it had, in milliseconds; after that it is
   * sent what there is, as `stale`. Default 5,000.
   */
  readonly resumeWaitMs?: number
  /** While a WebSocket has more unsent bytes than this, it is given no new rows; see `liveSocket`. Default 1,048,576. */
  readonly maxBufferedBytes?: number
  /** For tests. */
  readonly clock?: Clock
}

export type MaybePromise<Value> = Value | Promise<Value>

/** Makes the query for one subscription from `{ input, ctx, … }`: what any tRPC resolver is given. */
export type LiveResolver<Opts, Row> = (opts: Opts) => MaybePromise<LiveInput<Row>>

/** The options of `realtime.live`, and how rows are handed to clients. */
export interface LiveSubscriptionOptions<DB, Row, Out = Row> extends Omit<LiveOptions<DB, Row>, 'id'> {
  /**
   * Called once for each row that changed; clients get what it returns. Keep it outside of the resolver: subscribers share
   * the work only if the function is the same.
   */
  readonly map?: (row: Row) => Out
}

/** Options, or what makes them from `{ input, ctx, … }`. */
export type OptionsFor<Opts, Options> = Options | ((opts: Opts) => MaybePromise<Options>)

type WithoutMap<DB, Row> = LiveSubscriptionOptions<DB, Row> & { readonly map?: undefined }
type WithMap<DB, Row, Out> = LiveSubscriptionOptions<DB, Row, Out> & { readonly map: (row: Row) => Out }

/** What goes into `.subscription(…)`. */
export type LiveProcedureResolver<Opts, Data> = (opts: Opts) => AsyncIterable<Data, void, unknown>

export interface LiveSingle<DB> {
  <Opts, Row>(
    resolver: LiveResolver<Opts, Row>,
    options?: OptionsFor<NoInfer<Opts>, WithoutMap<DB, Row>>,
  ): LiveProcedureResolver<Opts, WireRow<Row> | undefined>
  <Opts, Row, Out>(
    resolver: LiveResolver<Opts, Row>,
    options: OptionsFor<NoInfer<Opts>, WithMap<DB, Row, Out>>,
  ): LiveProcedureResolver<Opts, WireRow<Out> | undefined>
}

export interface Live<DB> {
  /** Subscribers are sent all rows of the query. */
  <Opts, Row>(
    resolver: LiveResolver<Opts, Row>,
    options?: OptionsFor<NoInfer<Opts>, WithoutMap<DB, Row>>,
  ): LiveProcedureResolver<Opts, WireRow<Row>[]>
  <Opts, Row, Out>(
    resolver: LiveResolver<Opts, Row>,
    options: OptionsFor<NoInfer<Opts>, WithMap<DB, Row, Out>>,
  ): LiveProcedureResolver<Opts, WireRow<Out>[]>
  /** Subscribers are sent the first row of the query, or undefined while there is none. */
  readonly single: LiveSingle<DB>
}

/** What tRPC hands to a resolver, as far as it matters here. */
export interface Call {
  readonly ctx?: unknown
  readonly input?: unknown
  readonly signal?: AbortSignal | undefined
  readonly getRawInput?: () => Promise<unknown>
}
