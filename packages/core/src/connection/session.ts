import type { Client, ClientConfig } from 'pg'
import { UnsupportedDatabaseError } from '../errors.js'
import type { Clock } from '../util/clock.js'
import { OWN_TYPES } from '../util/own-types.js'
import { destroyConnection, staysWithBackend } from '../util/pool.js'
import { SerialClient } from './serial-client.js'
import { endClient } from '../util/postgres.js'

/**
 * The two connections that the engine keeps for itself: `control` listens and writes the doorbell's state, `reader`
 * reads the change log. Both share one fate: when either is lost, the session is.
 */
export interface Session {
  readonly control: Client
  readonly reader: Client
  /** `<system>.<timeline>`: snapshots compare only within it. */
  readonly origin: string
  /** Whether each connection certainly stays with one server process, whose session is then the engine's own. */
  readonly isDirect: boolean
  /** Gives the session up as if it were lost. */
  abandon(this: void, error: Error): void
  close(): Promise<void>
}

export interface SessionOptions {
  readonly config: ClientConfig
  readonly clock: Clock
  /** How often `control` is asked whether it is alive, and how long it may take to answer, in milliseconds. */
  readonly heartbeatMs: number
  readonly onLost: (error: Error) => void
}

const MINIMUM_VERSION = 140_000

// Only where nobody else will get the server's session. The user's server may limit idle sessions or statements, or make
// transactions read-only unless they say otherwise; the engine's own connections are long-lived by purpose, and tell writers
// that somebody reads.
const SETTINGS =
  'SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; SET lock_timeout = 0; ' +
  'SET default_transaction_read_only = off'

export async function openSession(options: SessionOptions): Promise<Session> {
  let closed = false
  const lose = (error: Error) => {
    if (closed) return
    closed = true
    heartbeat.stop()
    destroy(control)
    destroy(reader)
    options.onLost(error)
  }
  const control = newClient(options.config, 'pg-realtime control', lose)
  const reader = newClient(options.config, 'pg-realtime reader', lose)
  const heartbeat = new Heartbeat(control, options, lose)
  try {
    const isDirect = await connectAll(control, reader)
    const origin = await checkServer(control)
    heartbeat.start()
    return {
      control,
      reader,
      origin,
      isDirect,
      abandon: lose,
      async close() {
        closed = true
        heartbeat.stop()
        await Promise.all([endClient(control), endClient(reader)])
      },
    }
  } catch (error) {
    closed = true
    await Promise.all([endClient(control), endClient(reader)])
    throw error
  }
}

async function connectAll(...clients: Client[]): Promise<boolean> {
  const results = await Promise.allSettled(
    clients.map(async (client) => {
      await client.connect()
      const isDirect = await staysWithBackend(client)
      if (isDirect) await client.query(SETTINGS)
      return isDirect
    }),
  )
  return results.every((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

/** A connection of the engine's own. `onLost` is told of errors while no query runs, and of the end. */
export function newClient(config: ClientConfig, name: string, onLost: (error: Error) => void): Client {
  const client = new SerialClient({
    ...config,
    types: OWN_TYPES,
    application_name: name,
    keepAlive: true,
    connectionTimeoutMillis: config.connectionTimeoutMillis || 10_000,
    statement_timeout: false,
    query_timeout: 0,
    idle_in_transaction_session_timeout: 0,
  })
  // Whoever installs waits for its end, and many tables may be installed at once.
  client.setMaxListeners(0)
  client.on('error', onLost)
  client.on('end', () => onLost(new Error('the server closed the connection')))
  return client
}

async function checkServer(client: Client): Promise<string> {
  const { rows } = await client.query<{ version: number; standby: boolean; timeline: string; system: string }>(
    `SELECT pg_catalog.current_setting('server_version_num')::int AS version,
            pg_catalog.pg_is_in_recovery() AS standby,
            (SELECT system_identifier FROM pg_catalog.pg_control_system())::text AS system,
            (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())::text AS timeline`,
  )
  const server = rows[0]!
  if (server.version < MINIMUM_VERSION) {
    throw new UnsupportedDatabaseError(`PostgreSQL 14 or newer is needed; this server is ${server.version}.`)
  }
  if (server.standby) {
    throw new UnsupportedDatabaseError(
      'This server is a standby: it cannot notify, and its snapshots cannot be ordered. Connect pool (or listen) to the primary.',
    )
  }
  return `${server.system}.${server.timeline}`
}

function destroy(client: Client): void {
  client.on('error', () => {})
  destroyConnection(client)
}

/** Notices a network that swallows everything: the connection is lost when it does not answer within one period. */
class Heartbeat {
  readonly #client: Client
  readonly #options: SessionOptions
  readonly #onLost: (error: Error) => void
  #timer: unknown
  #stopped = false

  constructor(client: Client, options: SessionOptions, onLost: (error: Error) => void) {
    this.#client = client
    this.#options = options
    this.#onLost = onLost
  }

  start(): void {
    const { clock, heartbeatMs } = this.#options
    this.#timer = clock.setTimeout(() => {
      this.#timer = clock.setTimeout(
        () => this.#onLost(new Error(`the server did not answer within ${heartbeatMs} ms`)),
        heartbeatMs,
      )
      this.#client.query('SELECT 1').then(
        () => {
          if (this.#stopped) return
          clock.clearTimeout(this.#timer)
          this.start()
        },
        (error: unknown) => this.#onLost(error as Error),
      )
    }, heartbeatMs)
  }

  stop(): void {
    this.#stopped = true
    this.#options.clock.clearTimeout(this.#timer)
  }
}
