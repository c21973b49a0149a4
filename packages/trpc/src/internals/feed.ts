import type { LiveInput, LiveOptions, LiveQuery, LiveState, Realtime, Update } from '@pg-realtime/core'
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
  /** Called with each change of the rows, also in the time that the live query outlives the subscriber. */
  readonly onRows?: (update: Update<Row>) => void
  /** No rows will come: the error to end the subscription with. */
  readonly onFinal: (error: unknown) => void
}

const FIRST_RETRY_MS = 1_000
const SLOWEST_RETRY_MS = 10_000

const NOTHING: LiveState<never> = { rows: [], status: 'pending', version: '', snapshot: '', error: undefined }

/**
 * One subscriber's hold on a live query.
 *
 *   open ──► live query ──it closed──► parted ──┬─after a delay─────────────────► open
 *                 │                             └─(engine stopped) engine starts─► open
 *                 └──no rows yet, and an error that no retry cures──► final
 *
 * Transient errors stay in here: while a live query retries, and while there is none, the last state stands as `stale`.
 * An engine that was stopped is not started from here: its application is shutting down.
 */
export class Feed<DB, Row> {
  readonly #options: FeedOptions<DB, Row>
  #live: LiveQuery<Row> | undefined
  #last: LiveState<Row> = NOTHING
  /** Ends what the present state waits for. */
  #leave: () => void = () => {}
  #isClosed = false
  #failures = 0

  /** Throws what the engine throws. */
  constructor(options: FeedOptions<DB, Row>) {
    this.#options = options
    this.#open()
  }

  /** A live query that was opened again has no rows at first: those of the one before it stand until then. */
  get state(): LiveState<Row> {
    const [live, last] = [this.#live, this.#last]
    return !live || (live.version === '' && last.version !== '') ? last : live
  }

  /** The live query stays open for a while: a page that reloads, or a client that reconnects, finds it ready. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const live = this.#live
    if (!live) return this.#leave()
    const { graceMs, clock } = this.#options
    if (graceMs > 0) clock.setTimeout(() => live.close(), graceMs)
    else live.close()
  }

  #open(): void {
    const live = this.#options.realtime.live(this.#options.query, this.#options.options)
    const isPresent = () => !this.#isClosed && live === this.#live
    this.#live = live
    this.#leave = live.subscribe((update) => {
      try {
        if (update.kind === 'rows') this.#options.onRows?.(update)
      } finally {
        if (isPresent()) this.#changed(live)
      }
    })
    live.ready.then(
      () => isPresent() && this.#changed(live),
      (error: unknown) => isPresent() && this.#failed(live, error),
    )
  }

  #changed(live: LiveQuery<Row>): void {
    if (live.status === 'live') this.#failures = 0
    if (live.status === 'closed') this.#failed(live, live.error)
    else this.#options.onChange()
  }

  #failed(live: LiveQuery<Row>, error: unknown): void {
    const hasRows = this.#last.version !== '' || live.version !== ''
    const final = hasRows ? undefined : finalError(error)
    if (final) return this.#options.onFinal(final)
    if (live.status === 'closed') this.#part(live)
    this.#options.onChange()
  }

  #part(live: LiveQuery<Row>): void {
    const { version, rows, snapshot } = live.version === '' ? this.#last : live
    this.#last = { rows, version, snapshot, error: live.error, status: version === '' ? 'pending' : 'stale' }
    this.#live = undefined
    this.#leave()
    const isEngineStopped = live.error?.code === 'CLOSED'
    const waits = isEngineStopped ? [this.#awaitStart()] : []
    // While an engine stops, its live queries are closed before it counts as stopped: so it may be something else.
    if (!isEngineStopped || this.#options.realtime.status !== 'stopped') waits.push(this.#awaitRetry())
    this.#leave = () => waits.forEach((leave) => leave())
  }

  #awaitStart(): () => void {
    return this.#options.realtime.onStatus((status) => {
      if (status !== 'stopped') this.#reopen()
    })
  }

  #awaitRetry(): () => void {
    const { clock } = this.#options
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, SLOWEST_RETRY_MS)
    const timer = clock.setTimeout(() => this.#reopen(), delayMs)
    return () => clock.clearTimeout(timer)
  }

  #reopen(): void {
    this.#leave()
    try {
      this.#open()
    } catch (error) {
      this.#options.onFinal(finalError(error) ?? error)
    }
  }
}
