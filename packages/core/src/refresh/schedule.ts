import { backoffDelay, type BackoffOptions } from '../util/backoff.js'
import type { Clock, Random } from '../util/clock.js'
import type { RefreshReason } from '../live/contract.js'
import type { RoutedChange } from '../route/contract.js'

const RETRY: BackoffOptions = { firstMs: 500, maxMs: 30_000 }
const RECONNECT: BackoffOptions = { firstMs: 50, maxMs: 5_000 }
/** A single lost connection is mended by the next try, and nobody needs to know. */
const MISSED_UNTOLD = 1
const REASONS_KEPT = 5
const NONE: readonly RefreshReason[] = Object.freeze([])
const AGAIN: RefreshReason = { kind: 'retry' }
/** With more, the whole result is read. */
const CHANGES_KEPT = 200
const NO_CHANGES: readonly RoutedChange[] = []

/** Who is to know of a refresh that did not take place: nobody yet; the query, by now; or it knows already. */
type Missed = 'untold' | 'news' | 'known'

/**
 * When one live query may be refreshed. Ticks are numbered; a query is dirty since the tick whose batch first touched it.
 *
 *   clean ──mark──► dirty ──begin──► running ──succeed──► clean (or dirty, if marked meanwhile)
 *                     ▲                 └──────fail─────► dirty, not before a backoff
 *                     └─────────────────────────┘
 *
 * The first refresh after a quiet window begins at once; from then on at most one begins in each window of `throttleMs`,
 * also while changes keep coming, and the last change is always followed by one. The first result opens no window.
 */
export class Schedule {
  readonly #throttleMs: number
  readonly #clock: Clock
  readonly #random: Random
  #dirtySince: number | undefined
  #running: { readonly covers: number; readonly reasons: readonly RefreshReason[] } | undefined
  #reasons: readonly RefreshReason[] = NONE
  #changes: readonly RoutedChange[] | undefined = NO_CHANGES
  #windowEnds = -Infinity
  #notBefore = -Infinity
  #failures = 0
  /** Refreshes in a row that did not take place. */
  #missed = 0
  #enrolledAt = 0
  #refreshedAt = 0

  constructor(throttleMs: number, clock: Clock, random: Random) {
    this.#throttleMs = throttleMs
    this.#clock = clock
    this.#random = random
  }

  /** The first tick whose changes the rows may lack; undefined when they lack none. */
  get pendingSince(): number | undefined {
    if (this.#running && this.#dirtySince !== undefined) return Math.min(this.#running.covers, this.#dirtySince)
    return this.#running?.covers ?? this.#dirtySince
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  get isDirty(): boolean {
    return this.#dirtySince !== undefined
  }

  /**
   * No tick before this one may refresh the query: the snapshot of a tick that was under way when the query was
   * registered can be older than the capture of its tables.
   */
  enroll(tick: number): void {
    this.#enrolledAt = tick
  }

  /** `changes` are all that the rows may lack because of this mark; undefined: any. */
  mark(tick: number, reason: RefreshReason, changes?: readonly RoutedChange[]): void {
    this.#markSince(tick)
    // A new connection is a reason to try again at once.
    if (reason.kind === 'gap') this.#notBefore = -Infinity
    // Reports keep the list: one that grows takes room for more.
    if (this.#reasons.length < REASONS_KEPT) this.#reasons = [...this.#reasons, reason]
    if (changes === undefined || changes.length + (this.#changes?.length ?? 0) > CHANGES_KEPT) this.#changes = undefined
    else if (changes.length > 0) this.#changes &&= [...this.#changes, ...changes]
  }

  /**
   * Every change that the rows may lack, since the snapshot of the last refresh; undefined where that is not known, as
   * before the first result and after a failure.
   */
  get changes(): readonly RoutedChange[] | undefined {
    return this.#changes
  }

  /**
   * When the next refresh may begin, in the clock's milliseconds; undefined while clean or running. `isForced`: a barrier
   * waits, which ends the wait for everything but a connection.
   */
  dueAt(isForced = false): number | undefined {
    if (this.#dirtySince === undefined || this.#running) return undefined
    if (isForced) return this.#missed > 0 ? this.#notBefore : -Infinity
    return this.opensAt
  }

  /** When a refresh may begin that a change asks for now, unless one is running. */
  get opensAt(): number {
    return Math.max(this.#windowEnds, this.#notBefore)
  }

  /** Whether the last refresh failed, or did not take place. */
  get hasFailed(): boolean {
    return this.#failures > 0 || this.#missed > 0
  }

  /** The tick on whose snapshot the present or most recent refresh runs. */
  get refreshedAt(): number {
    return this.#refreshedAt
  }

  /** Starts a refresh on a tick's snapshot, which contains every change marked so far. Returns what caused it. */
  begin(tick: number): readonly RefreshReason[] {
    const reasons = this.#reasons
    this.#refreshedAt = tick
    this.#running = { covers: this.#dirtySince ?? 0, reasons }
    this.#dirtySince = undefined
    this.#reasons = NONE
    this.#changes = NO_CHANGES
    if (!reasons.every((reason) => reason.kind === 'first')) this.#windowEnds = this.#clock.now() + this.#throttleMs
    return reasons
  }

  succeed(): void {
    this.#running = undefined
    this.#failures = 0
    this.#missed = 0
    this.#notBefore = -Infinity
  }

  /** The query failed, which was told: tried again after a growing delay. */
  fail(): void {
    if (!this.#undo(NONE)) return
    this.#missed = 0
    this.#backOff(RETRY)
  }

  /** The refresh is left for another connection, at once: the query is as dirty as before. */
  postpone(): void {
    if (this.#undo(this.#running?.reasons)) this.#windowEnds = -Infinity
  }

  /** The refresh did not take place, because the engine stops or its connection is lost: the query is as dirty as before. */
  abort(): void {
    if (this.#undo(this.#running?.reasons)) this.#tryAgain()
  }

  /**
   * The refresh did not take place for want of a connection of the pool: the query is as dirty as before. `isCertain`: it
   * was waited for so long that another try is no reason to be silent.
   */
  miss(isCertain: boolean): Missed {
    if (!this.#running) return 'untold'
    const before = this.#missed
    this.#missed = isCertain ? Math.max(before, MISSED_UNTOLD) + 1 : before + 1
    const isUntold = this.#missed <= MISSED_UNTOLD
    this.#undo(isUntold ? this.#running.reasons : NONE)
    this.#tryAgain()
    if (isUntold) return 'untold'
    return before <= MISSED_UNTOLD ? 'news' : 'known'
  }

  /** The engine's own connection is lost, which is told: what was missed so far says nothing about the next one. */
  interrupt(): void {
    if (this.#missed <= MISSED_UNTOLD) this.#missed = 0
  }

  /** `reasons`: those of the refresh that the next one has as well, because nobody was told of them. */
  #undo(reasons: readonly RefreshReason[] = NONE): boolean {
    if (!this.#running) return false
    this.#markSince(this.#running.covers)
    this.#running = undefined
    this.#changes = undefined
    const causes = reasons.filter(({ kind }) => kind !== 'retry').slice(0, REASONS_KEPT - 1)
    this.#reasons = [...causes, AGAIN, ...this.#reasons].slice(0, REASONS_KEPT)
    return true
  }

  #markSince(tick: number): void {
    const since = Math.max(tick, this.#enrolledAt)
    this.#dirtySince = Math.min(this.#dirtySince ?? since, since)
  }

  /** What did not take place opens no window. */
  #tryAgain(): void {
    this.#windowEnds = -Infinity
    this.#backOff(RECONNECT)
  }

  #backOff(backoff: BackoffOptions): void {
    this.#notBefore = this.#clock.now() + backoffDelay(this.#failures, backoff, this.#random)
    this.#failures += 1
  }
}
