import type { ClientBase } from 'pg'
import { InstallError } from '../../errors.js'
import { backoffDelay } from '../../util/backoff.js'
import type { Clock, Random } from '../../util/clock.js'
import { isConnectionError, quoteLiteral, sqlState } from '../../util/postgres.js'

/** Time for which a statement of ours may stand in a table's lock queue, where application writes wait behind it. */
const LOCK_TIMEOUT_MS = 200
/** How long installers wait for one another; nobody else does. */
const INSTALLER_TIMEOUT_MS = 30_000
const MAX_ATTEMPTS = 60
const RETRY = { firstMs: 50, maxMs: 1_000 }

export interface AttemptOptions {
  readonly clock: Clock
  readonly random: Random
  /** How often at most; by default for about a minute. */
  readonly attempts?: number
}

/**
 * Runs `change` in a short transaction of its own, as the only installer at a time, and again where a lock was not to be
 * had at once. `what` names the object in errors.
 */
export async function attemptAlone<T>(
  client: ClientBase,
  schema: string,
  what: string,
  options: AttemptOptions,
  change: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await inTransaction(client, schema, change)
    } catch (error) {
      if (!isContention(error)) throw installError(error, what)
      const { attempts = MAX_ATTEMPTS } = options
      if (attempt + 1 >= attempts) throw await blockedError(client, error, what, attempts)
      await pause(options.clock, backoffDelay(attempt, RETRY, options.random))
    }
  }
}

async function inTransaction<T>(client: ClientBase, schema: string, change: () => Promise<T>): Promise<T> {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  try {
    await client.query(
      `SELECT pg_catalog.set_config('lock_timeout', '${INSTALLER_TIMEOUT_MS}', true), pg_catalog.set_config('search_path', '', true), pg_catalog.set_config('client_min_messages', 'warning', true)`,
    )
    await client.query(`SELECT pg_catalog.pg_advisory_xact_lock(${installerKey(schema)})`)
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
    const result = await change()
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/** An SQL expression for the advisory lock that installers of one schema hold. */
export function installerKey(schema: string): string {
  return `pg_catalog.hashtextextended(${quoteLiteral(`pg-realtime install ${schema}`)}, 0)`
}

/** Lock not available, deadlock, serialization failure, and two sessions creating one object. */
const CONTENTION = new Set(['55P03', '40P01', '40001', '23505', '42P06', '42P07', '42710'])

function isContention(error: unknown): boolean {
  const state = sqlState(error)
  if (state === undefined) return false
  return CONTENTION.has(state) || (state === 'XX000' && (error as Error).message.startsWith('tuple concurrently'))
}

function installError(error: unknown, what: string): unknown {
  const message = error instanceof Error ? error.message : String(error)
  // A connection that is lost says nothing about what was to be installed: whoever asked tries again.
  if (sqlState(error) === undefined || isConnectionError(error) || error instanceof InstallError) return error
  const remedy =
    sqlState(error) === '42501'
      ? 'The installing role must own the table, and own the schema or be allowed to CREATE in the database. ' +
        "Name such a role with the option `installer`, or install by hand: `install: 'manual'` and `pg-realtime sql`."
      : "Mend the cause, or install by hand: `install: 'manual'` and `pg-realtime sql`."
  return new InstallError(`Could not install change capture for ${what}: ${message}. ${remedy}`, { cause: error })
}

async function blockedError(client: ClientBase, cause: unknown, what: string, attempts: number): Promise<InstallError> {
  const { rows } = await client
    .query<{ pid: number; state: string; seconds: number }>(
      `SELECT pid, state, extract(epoch FROM pg_catalog.now() - xact_start)::int AS seconds FROM pg_catalog.pg_stat_activity
       WHERE xact_start IS NOT NULL AND pid <> pg_catalog.pg_backend_pid() AND datname = pg_catalog.current_database()
       ORDER BY xact_start LIMIT 1`,
    )
    .catch(() => ({ rows: [] }))
  const oldest = rows[0]
  const suspect = oldest
    ? ` The oldest open transaction is of process ${oldest.pid} (${oldest.state}, ${oldest.seconds} s).`
    : ''
  return new InstallError(
    `Could not get a lock on ${what} in ${attempts} tries of ${LOCK_TIMEOUT_MS} ms: some transaction keeps it.${suspect} ` +
      'End that transaction; the next attempt goes through by itself.',
    { cause },
  )
}

export async function pause(clock: Clock, delayMs: number): Promise<void> {
  await new Promise<void>((resolve) => clock.setTimeout(resolve, delayMs))
}
