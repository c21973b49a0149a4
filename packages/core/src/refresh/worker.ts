import type { Pool, PoolClient } from 'pg'
import type { SnapshotToken } from '../change.js'
import { ConnectionLostError, QueryFailedError, RealtimeError } from '../errors.js'
import type { Clock } from '../util/clock.js'
import { checkIn, checkOut } from '../util/pool.js'
import { isConnectionError, queryError } from '../util/postgres.js'
import type { Accepted, RawResult, Refreshable } from './contract.js'
import { BeginError, Lane } from './lane.js'
import type { PreparedStatements } from './prepared.js'
import { Runner, type Answer } from './runner.js'
import type { Job, Work } from './work.js'

/** How long a refresh waits for the pool: the tick's transaction is open meanwhile. */
const CHECK_OUT_MS = 5_000
/**
 * How long a statement may run beside others: longer than nearly every query needs, and short enough that who waits
 * behind it hardly notices. A shape that takes longer is run apart from then on.
 */
const SHARED_MS = 250

/** Work that is done so soon that the tick can wait for it. */
const BRIEF_MS = 10

/** For how long answers are shown without a pause. */
const TURN_MS = 4

/** How a worker comes to the tick's snapshot. */
export type TickSnapshot = { readonly token: SnapshotToken } & (
  | {
      readonly kind: 'exported'
      /** From `pg_export_snapshot()`; can be imported while the tick's transaction is open. */
      readonly id: string
    }
  | {
      readonly kind: 'lent'
      /** In the tick's transaction, which the worker ends. */
      readonly client: PoolClient
      /** Until then others import its snapshot; undefined: nobody does. */
      readonly imported: Promise<unknown> | undefined
    }
)

export interface WorkerOptions {
  readonly pool: Pool
  readonly statementTimeoutMs: number
  readonly clock: Clock
  readonly prepared: PreparedStatements
  /** Asked before each message: a stopped engine begins nothing. */
  readonly isStopped: () => boolean
  /** The session of the tick is lost, or the engine stops: what is left undone for that is told by those. */
  readonly isOver: () => boolean
  /** Connections that run a refresh now, so that they can be interrupted. */
  readonly clients: Set<PoolClient>
}

/** Why a worker could not do its work. */
export interface Failure {
  readonly error: RealtimeError
  /** The pool was waited for as long as anybody may wait. */
  readonly isCertain: boolean
}

/**
 * Takes messages from `work` and runs them, in one transaction on the tick's snapshot, until there are none. Several
 * workers may share one `work`. `onHandedOver` is called as soon as the tick need not wait
 * for this one.
 * Never rejects: every job that it takes ends in `accept`, `fail`, or a schedule that tries it again. Jobs that it could not
 * take are left in `work`, for the reason that it returns.
 */
export async function refresh<Query extends Refreshable>(
  work: Work<Query>,
  snapshot: TickSnapshot,
  isApart: boolean,
  options: WorkerOptions,
  onHandedOver: () => void,
): Promise<Failure | undefined> {
  const { clock, prepared, statementTimeoutMs } = options
  const pending = new Set<Job<Query>>()
  let client: PoolClient | undefined
  try {
    client = snapshot.kind === 'lent' ? snapshot.client : await checkOut(options.pool, clock, CHECK_OUT_MS)
    options.clients.add(client)
    const isShared = !isApart && statementTimeoutMs > SHARED_MS
    const lane = new Lane(client, clock, isShared ? SHARED_MS : statementTimeoutMs)
    const isBrief = isShared && work.expectedMs <= BRIEF_MS
    if (snapshot.kind === 'lent') {
      lane.goOn()
      // The next tick had better wait for brief work: it would use another connection, for what may come together.
      if (!isBrief) onHandedOver()
    } else if (isBrief) {
      // A round trip less, which holds the tick up for as long as the first message takes.
      lane.beginLater(snapshot.id)
    } else if (!options.isStopped()) {
      await lane.begin(snapshot.id)
      onHandedOver()
    }
    const runner = new Runner<Query>(lane, {
      prepared,
      isShared,
      fastMs: isApart ? SHARED_MS / 2 : undefined,
      measure: () => performance.now(),
    })
    const isAlone = snapshot.kind === 'exported' || !snapshot.imported
    const delivery = { token: snapshot.token, parser: parserOf(client) }
    const take = () => {
      const message = options.isStopped() ? undefined : work.take()
      for (const { items } of message?.steps ?? []) for (const item of items) pending.add(item)
      return message && runner.run(message, isAlone && work.isEmpty)
    }
    // The server runs the next message while the answers of this one are shown.
    for (let running = take(); running;) {
      const answers = await running
      onHandedOver()
      running = take()
      running?.catch(() => {})
      let since = performance.now()
      for (const answer of answers) {
        const delivered = deliver(answer, delivery)
        // A promise only where plugins make one necessary: waiting for nothing costs as much as comparing a row.
        if (delivered) await delivered
        pending.delete(answer.item)
        if (performance.now() - since < TURN_MS) continue
        // Others get their turn, and what the server sends meanwhile is read: it would stop sending.
        await nextTurn()
        since = performance.now()
      }
    }
    onHandedOver()
    if (snapshot.kind === 'lent' && snapshot.imported) await snapshot.imported
    if (!lane.isCommitted) await afterDelivery()
    await runner.finish()
    release(client, options)
    return undefined
  } catch (error) {
    if (client) release(client, options, error)
    if (error instanceof BeginError && !isSnapshotGone(error.cause, snapshot)) {
      for (const job of [...pending, ...work.drain()]) failToBegin(job, error.cause, snapshot)
      return undefined
    }
    const failure = failureOf(error, client === undefined)
    for (const job of pending) leave(job, failure, snapshot.token, options.isOver())
    return failure
  } finally {
    onHandedOver()
  }
}

/** A job that could not be done: left for the next tick, and told where that does not mend it. */
export function leave<Query extends Refreshable>(
  { query, reasons }: Job<Query>,
  failure: Failure | undefined,
  snapshot: SnapshotToken,
  isOver: boolean,
): void {
  if (isOver || !failure) return query.schedule.abort()
  const { error, isCertain } = failure
  const missed = query.schedule.miss(isCertain)
  if (missed === 'untold') return
  if (missed === 'news') query.fail(error)
  query.refreshed({ ...NO_RESULT, reasons, snapshot, error })
}

/** `isRefused`: the pool gave no connection. */
function failureOf(cause: unknown, isRefused: boolean): Failure {
  // The wait for the pool was ended, which says all.
  if (cause instanceof RealtimeError) return { error: cause, isCertain: isRefused }
  const reason = cause instanceof BeginError ? cause.cause : cause
  const { message, code = '' } =
    reason instanceof Error ? (reason as Error & { code?: string }) : { message: String(reason) }
  const about = `${message || code}. ${GOES_ON}`
  if (isRefused) {
    const error = new ConnectionLostError(`The pool gave no connection for a refresh: ${about}`, { cause })
    // What `pg` says after the pool's `connectionTimeoutMillis`.
    return { error, isCertain: message.includes('timeout') }
  }
  const isLost = cause instanceof BeginError || isConnectionError(cause)
  const error = isLost
    ? new ConnectionLostError(`A refresh lost its connection of the pool: ${about}`, { cause: reason })
    : new QueryFailedError(`A refresh was not carried through: ${about}`, { cause })
  return { error, isCertain: false }
}

const GOES_ON = 'Live queries keep their rows and are tried again by themselves.'

/** Where no transaction can begin, the queries fail. */
function failToBegin<Query extends Refreshable>(
  { query, reasons }: Job<Query>,
  cause: unknown,
  snapshot: TickSnapshot,
) {
  report(query, { ...NO_RESULT, reasons, snapshot: snapshot.token, error: queryError(cause, query.sql) })
}

/** The reader was lost before the snapshot that it exported could be imported. */
function isSnapshotGone(error: unknown, snapshot: TickSnapshot): boolean {
  return snapshot.kind === 'exported' && error instanceof Error && error.message.includes(snapshot.id)
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * What was just shown is on its way by the next turn, and what arrived meanwhile is read in the one after it: neither need
 * wait for another message to the server.
 */
export async function afterDelivery(): Promise<void> {
  await nextTurn()
  await nextTurn()
}

interface Delivery {
  readonly token: SnapshotToken
  readonly parser: RawResult['parser']
}

type Result<Query extends Refreshable> = Extract<Answer<Query>, { readonly kind: 'rows' }>

export function deliver<Query extends Refreshable>(
  answer: Answer<Query>,
  delivery: Delivery,
): Promise<void> | undefined {
  const { query, reasons } = answer.item
  if (answer.kind === 'postponed') query.schedule.postpone()
  else if (answer.kind === 'failed') {
    const { error, ms: durationMs } = answer
    report(query, { ...NO_RESULT, reasons, snapshot: delivery.token, durationMs, error })
  } else {
    const outcome = accept(answer, delivery)
    if (outcome instanceof Promise) return outcome.then((later) => show(later, answer, delivery))
    show(outcome, answer, delivery)
  }
  return undefined
}

function accept<Query extends Refreshable>(
  answer: Result<Query>,
  { token, parser }: Delivery,
): Accepted | RealtimeError | Promise<Accepted | RealtimeError> {
  const { item, fields, content } = answer
  try {
    const accepted = item.query.accept({ fields, parser, content }, token)
    return accepted instanceof Promise ? accepted.catch(unacceptable) : accepted
  } catch (cause) {
    return unacceptable(cause)
  }
}

function unacceptable(cause: unknown): RealtimeError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new QueryFailedError(`A type parser or Kysely plugin failed on a result: ${reason}`, { cause })
}

function show<Query extends Refreshable>(
  outcome: Accepted | RealtimeError,
  { item: { query, reasons }, ms: durationMs }: Result<Query>,
  { token: snapshot }: Delivery,
): void {
  if (outcome instanceof Error) {
    return report(query, { ...NO_RESULT, reasons, snapshot, durationMs, error: outcome })
  }
  const { changed, rows } = outcome
  query.schedule.succeed()
  query.refreshed({ reasons, snapshot, durationMs, changed, rows, error: undefined })
  outcome.publish()
}

export function parserOf(client: PoolClient): RawResult['parser'] {
  return (typeOid) => client.getTypeParser(typeOid, 'text') as (text: string) => unknown
}

const NO_RESULT = { changed: false, rows: undefined, durationMs: 0 } as const

function report(query: Refreshable, outcome: Parameters<Refreshable['refreshed']>[0]): void {
  query.schedule.fail()
  query.fail(outcome.error ?? new ConnectionLostError('The refresh did not take place.'))
  query.refreshed(outcome)
}

function release(client: PoolClient, options: WorkerOptions, error?: unknown): void {
  options.clients.delete(client)
  checkIn(client, error)
}
