import type { Realtime } from '@pg-realtime/core'
import { compareSnapshots } from '@pg-realtime/core/snapshot'
import { shortSnapshot } from '../protocol.js'
import type { Clock } from './clock.js'

export interface FloorOptions {
  /** The snapshot that the client has seen, shortened; undefined for a new client. */
  readonly seen: string | undefined
  /** Resolves when every live query has seen all that was committed before the call. */
  readonly barrier: () => Promise<void>
  /** How long rows are held back at most, in milliseconds. */
  readonly waitMs: number
  readonly clock: Clock
  /** The answers may have changed. */
  readonly onChange: () => void
}

/**
 * Keeps a client that reconnects from going back in time, when the server that answers has seen less than the one before.
 *
 *   unmet ──(rows of an older snapshot)──► waiting ──(bound)──► late
 *     └────────(seen it all, by snapshot or by barrier)─┴──► met ◄──┘
 *
 * While waiting nothing is sent. Late rows are sent as `stale`: they are older than what the client had, and say so.
 */
export class Floor {
  readonly #options: FloorOptions
  #state: 'unmet' | 'waiting' | 'late' | 'met'
  #seen: string | undefined
  #bound: unknown
  #retry: unknown

  constructor(options: FloorOptions) {
    this.#options = options
    this.#state = options.seen ? 'unmet' : 'met'
    this.#seen = options.seen
  }

  /** Rows have been sent that are older than what the client had seen. */
  get isLate(): boolean {
    return this.#state === 'late'
  }

  /** Whether rows of this snapshot may be sent: `late` ones as stale. */
  admit(snapshot: string): 'send' | 'wait' | 'late' {
    if (this.#state === 'met' || this.hasReached(snapshot)) return 'send'
    if (this.#state === 'unmet') this.#wait()
    return this.#state === 'late' ? 'late' : 'wait'
  }

  hasReached(snapshot: string): boolean {
    if (this.#state !== 'met' && !isBehind(shortSnapshot(snapshot), this.#options.seen!)) this.#met()
    return this.#state === 'met'
  }

  /** The later one of this snapshot, shortened, and what the client has seen. */
  latest(snapshot: string): string {
    if (this.#seen && (snapshot === '' || isBehind(snapshot, this.#seen))) return this.#seen
    // A live query's snapshots only grow.
    if (this.#state === 'met') this.#seen = undefined
    return snapshot
  }

  close(): void {
    this.#met()
  }

  #met(): void {
    this.#state = 'met'
    this.#options.clock.clearTimeout(this.#bound)
    this.#options.clock.clearTimeout(this.#retry)
  }

  #wait(): void {
    const { clock, waitMs, onChange } = this.#options
    this.#state = 'waiting'
    this.#bound = clock.setTimeout(() => {
      this.#state = 'late'
      onChange()
    }, waitMs)
    this.#ask()
  }

  /** A query that nothing changes keeps its old snapshot; that it is true by now all the same is for a barrier to say. */
  #ask(): void {
    const { barrier, clock, waitMs, onChange } = this.#options
    barrier().then(
      () => {
        if (this.#state === 'met') return
        this.#met()
        onChange()
      },
      () => {
        if (this.#state !== 'met') this.#retry = clock.setTimeout(() => this.#ask(), waitMs)
      },
    )
  }
}

function isBehind(snapshot: string, seen: string): boolean {
  const order = compareSnapshots(snapshot, seen)
  return order === 'older' || order === 'concurrent'
}

/** What is asked of the engine. */
export type BarrierEngine = Pick<Realtime<never>, 'status' | 'barrier' | 'onStatus'>

/**
 * One barrier for all who ask: those who come while one runs share the next, since theirs must begin after they came.
 *
 * An engine that is being stopped, or is, is asked for none until its application starts it again.
 */
export class SharedBarrier {
  readonly #engine: BarrierEngine
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** What the engine said when it was being stopped, which is before it counts as stopped. */
  #refusal: Error | undefined

  constructor(engine: BarrierEngine) {
    this.#engine = engine
  }

  join(): Promise<void> {
    if (!this.#running) return this.#start()
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    )
    return this.#next
  }

  async #start(): Promise<void> {
    this.#next = undefined
    if (this.#refusal) throw this.#refusal
    if (this.#engine.status === 'stopped') throw new Error('The engine is stopped.')
    const running = this.#run().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }

  async #run(): Promise<void> {
    try {
      await this.#engine.barrier()
    } catch (error) {
      if ((error as { code?: unknown }).code === 'CLOSED') this.#awaitStart(error as Error)
      throw error
    }
  }

  #awaitStart(refusal: Error): void {
    this.#refusal = refusal
    const leave = this.#engine.onStatus((status) => {
      if (status === 'stopped') return
      this.#refusal = undefined
      leave()
    })
  }
}
