import type { Pool, PoolClient } from 'pg'
import type { SnapshotToken } from '../change.js'
import { ConnectionLostError, QueryFailedError, type RealtimeError } from '../errors.js'
import type { RefreshReason, Scope } from '../live/contract.js'
import type { Clock } from '../util/clock.js'
import { checkIn, checkOut, destroyConnection } from '../util/pool.js'
import { isConnectionError, queryError } from '../util/postgres.js'
import type { Accepted, RawResult, Refreshable } from './contract.js'
import { beginOnSnapshot, runQuery } from './run-query.js'

/** How long a refresh waits for the pool: the tick's transaction is open meanwhile. */
const CHECK_OUT_MS = 5_000
const GRACE_MS = 5_000

export interface TickSnapshot {
  /** From `pg_export_snapshot()`; can be imported while the tick's transaction is open. */
  readonly id: string
  readonly token: SnapshotToken
}

export interface Job<Query extends Refreshable> {
  readonly query: Query
  readonly reasons: readonly RefreshReason[]
}

export interface WorkerOptions {
  readonly pool: Pool
  readonly statementTimeoutMs: number
  readonly clock: Clock
  /** Asked before each query: a stopped engine begins nothing. */
  readonly isStopped: () => boolean
  /** Connections that run a refresh now, so that they can be interrupted. */
  readonly clients: Set<PoolClient>
}

/**
 * Refreshes live queries of one scope, one after the other, in one transaction on the tick's snapshot. `onImported` is
 * called as soon as the tick's own transaction is not needed any more. Never rejects: every job ends in `accept`,
 * `fail`, or an aborted schedule.
 */
export async function refreshGroup<Query extends Refreshable>(
  jobs: readonly Job<Query>[],
  scope: Scope,
  snapshot: TickSnapshot,
  options: WorkerOptions,
  onImported: () => void,
): Promise<void> {
  const pending = [...jobs]
  let client: PoolClient | undefined
  try {
    client = await checkOut(options.pool, options.clock, CHECK_OUT_MS)
    options.clients.add(client)
    if (options.isStopped()) return
    await client.query(beginOnSnapshot(snapshot.id, scope, options.statementTimeoutMs))
    onImported()
    while (pending.length > 0 && !options.isStopped()) {
      await refreshOne(client, pending[0]!, snapshot, options, pending.length > 1)
      pending.shift()
    }
    await client.query('COMMIT')
    release(client, options)
  } catch (error) {
    if (client) release(client, options, error)
    failGroup(error, pending, snapshot)
  } finally {
    onImported()
    for (const { query } of pending) query.schedule.abort()
  }
}

/** The scope itself is wrong (unknown role, missing right): each of its queries fails for that reason. */
function failGroup<Query extends Refreshable>(error: unknown, pending: Job<Query>[], snapshot: TickSnapshot): void {
  if (isConnectionError(error) || isSnapshotGone(error, snapshot)) return
  for (const { query, reasons } of pending.splice(0)) {
    report(query, {
      reasons,
      changed: false,
      rows: undefined,
      durationMs: 0,
      snapshot: snapshot.token,
      error: queryError(error, query.sql),
    })
  }
}

/** The reader was lost before the snapshot that it exported could be imported. */
function isSnapshotGone(error: unknown, { id }: TickSnapshot): boolean {
  return error instanceof Error && error.message.includes(id)
}

async function refreshOne<Query extends Refreshable>(
  client: PoolClient,
  { query, reasons }: Job<Query>,
  snapshot: TickSnapshot,
  { clock, statementTimeoutMs }: WorkerOptions,
  isolate: boolean,
): Promise<void> {
  const startedAt = clock.now()
  // The server ends a statement that takes too long; this ends one whose server does not answer any more.
  const deadline = clock.setTimeout(() => destroyConnection(client), statementTimeoutMs + GRACE_MS)
  const outcome = await attempt(client, query, snapshot, isolate).finally(() => clock.clearTimeout(deadline))
  const base = { reasons, snapshot: snapshot.token }
  if (outcome.kind === 'failed') {
    report(query, {
      ...base,
      changed: false,
      rows: undefined,
      durationMs: clock.now() - startedAt,
      error: outcome.error,
    })
    return
  }
  const { changed, rows } = outcome.accepted
  query.schedule.succeed()
  query.refreshed({ ...base, changed, rows, durationMs: clock.now() - startedAt, error: undefined })
  outcome.accepted.publish()
}

type Outcome =
  | { readonly kind: 'done'; readonly accepted: Accepted }
  | { readonly kind: 'failed'; readonly error: RealtimeError }

/** A lost connection is thrown: it says nothing about the query. */
async function attempt(
  client: PoolClient,
  query: Refreshable,
  snapshot: TickSnapshot,
  isolate: boolean,
): Promise<Outcome> {
  let result: RawResult
  try {
    if (isolate) await client.query('SAVEPOINT refresh')
    result = await runQuery(client, query.sql, query.parameters)
    if (isolate) await client.query('RELEASE SAVEPOINT refresh')
  } catch (error) {
    if (isConnectionError(error)) throw error
    if (isolate) await client.query('ROLLBACK TO SAVEPOINT refresh')
    return { kind: 'failed', error: queryError(error, query.sql) }
  }
  try {
    return { kind: 'done', accepted: await query.accept(result, snapshot.token) }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return {
      kind: 'failed',
      error: new QueryFailedError(`A type parser or Kysely plugin failed on a result: ${reason}`, { cause }),
    }
  }
}

function report(query: Refreshable, outcome: Parameters<Refreshable['refreshed']>[0]): void {
  query.schedule.fail()
  query.fail(outcome.error ?? new ConnectionLostError('The refresh did not take place.'))
  query.refreshed(outcome)
}

function release(client: PoolClient, options: WorkerOptions, error?: unknown): void {
  options.clients.delete(client)
  checkIn(client, error)
}
