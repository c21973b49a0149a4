import pg, { type ClientBase, type ClientConfig, type Pool, type PoolClient } from 'pg'
import { ConnectionLostError } from '../errors.js'
import type { Clock } from './clock.js'
import { startDeadline } from './deadline.js'

const ignore = () => {}

/** A pool hides its password from enumeration, so that spreading its options would lose it. */
export function clientConfigOf({ options }: Pool): ClientConfig {
  return { ...options, ...(options.password === undefined ? {} : { password: options.password }) }
}

/** How the pool's connections parse a type's text. */
export function parsersOf({ options }: Pool): (typeOid: number) => (text: string) => unknown {
  const types = options.types ?? pg.types
  return (typeOid) => types.getTypeParser(typeOid, 'text') as (text: string) => unknown
}

/**
 * A client of the pool; while it is out, a lost connection rejects its queries and is no uncaught event. Rejects when
 * none is free within `timeoutMs`.
 */
export async function checkOut(pool: Pool, clock: Clock, timeoutMs: number): Promise<PoolClient> {
  const connecting = pool.connect()
  let end = ignore
  const timeout = new Promise<never>((_, reject) => {
    end = startDeadline(clock, timeoutMs, () => {
      // It may still come: it goes straight back.
      connecting.then((late) => late.release(), ignore)
      reject(
        new ConnectionLostError(
          `The pool had no connection free within ${timeoutMs} ms: raise its max, or find who holds them.`,
        ),
      )
    })
  })
  try {
    const client = await Promise.race([connecting, timeout])
    client.on('error', ignore)
    return client
  } finally {
    end()
  }
}

/** Gives a client back; with an error, the pool replaces it. */
export function checkIn(client: PoolClient, error?: unknown): void {
  client.off('error', ignore)
  client.release(error === undefined ? undefined : true)
}

/** Ends a connection at once, without the server's help: what waits on it rejects. */
export function destroyConnection(client: object): void {
  const { connection } = client as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

export function backendOf(client: object): number {
  return (client as { processID: number }).processID
}

/** A pooler that shares out its connections by the transaction tells its clients a number of its own. */
export async function staysWithBackend(control: ClientBase): Promise<boolean> {
  const { rows } = await control.query<{ backend: number }>('SELECT pg_catalog.pg_backend_pid() AS backend')
  return rows[0]?.backend === backendOf(control)
}
