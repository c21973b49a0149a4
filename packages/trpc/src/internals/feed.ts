import type { LiveInput, LiveOptions, LiveQuery, LiveState, Realtime } from '@pg-realtime/core'
import type { Clock } from './clock.js'
import { finalError } from './errors.js'

export interface FeedOptions<DB, Row> {
  readonly realtime: Realtime<DB>
  readonly query: LiveInput<Row>
  readonly options: LiveOptions<DB, Row>
  /** How long the live query outlives this subscriber, in milliseconds. */
  readonly graceMs: number
  readonly clock: Clock
  readonly onChange: () => void
  /** No rows will come: the error to end the subscription with. */
  readonly onFinal: (error: Error) => void
}

const REOPEN_MS = 1_000

const NOTHING: LiveState<never> = { rows: [], status: 'pending', version: '', snapshot: '', error: undefined }

/**
 * One subscriber's hold on a live query.
 *
 *   open ──► live query ──(its engine stopped, it was closed)──► parted ──(engine runs again)──► open
 *
 * Transient errors stay in here: while a live query retries, and while there is none, the last state stands as `stale`.
 * The engine is never started from here: an application that has stopped it is shutting down.
 */
export class Feed<DB, Row> {
  readonly #options: FeedOptions<DB, Row>
  #live: LiveQuery<Row> | undefined
  #last: LiveState<Row> = NOTHING
  /** Ends what the present state waits for. */
  #leave: () => void = () => {}
  #isClosed = false

  constructor(options: FeedOptions<DB, Row>) {
    this.#options = options
    this.#open()
  }

  get state(): LiveState<Row> {
    return this.#live ?? this.#last
  }

  /** The live query stays open for a while: a page that reloads, or a client that reconnects, finds it ready. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#leave()
    const live = this.#live
    if (!live) return
    const { graceMs, clock } = this.#options
    if (graceMs > 0) clock.setTimeout(() => live.close(), graceMs)
    else live.close()
  }

  #open(): void {
    const live = this.#options.realtime.live(this.#options.query, this.#options.options)
    this.#live = live
    this.#leave = live.subscribe(() => this.#changed(live))
    live.ready.then(
      () => this.#changed(live),
      (error: unknown) => this.#failed(live, error),
    )
  }

  #changed(live: LiveQuery<Row>): void {
    if (this.#isClosed || live !== this.#live) return
    if (live.status === 'closed') this.#part(live)
    this.#options.onChange()
  }

  #failed(live: LiveQuery<Row>, error: unknown): void {
    if (this.#isClosed || live !== this.#live) return
    const final = this.#last.version === '' ? finalError(error) : undefined
    if (final) return this.#options.onFinal(final)
    this.#changed(live)
  }

  #part(live: LiveQuery<Row>): void {
    const { version, rows, snapshot, error } = live.version === '' ? this.#last : live
    this.#last = { rows, version, snapshot, error, status: version === '' ? 'pending' : 'stale' }
    this.#live = undefined
    this.#leave()
    const { realtime, clock } = this.#options
    if (realtime.status === 'stopped') {
      this.#leave = realtime.onStatus((status) => {
        if (status !== 'stopped') this.#reopen()
      })
      return
    }
    const timer = clock.setTimeout(() => this.#reopen(), REOPEN_MS)
    this.#leave = () => clock.clearTimeout(timer)
  }

  #reopen(): void {
    this.#leave()
    if (this.#options.realtime.status === 'stopped') return
    try {
      this.#open()
    } catch (error) {
      this.#options.onFinal(finalError(error) ?? (error as Error))
    }
  }
}
