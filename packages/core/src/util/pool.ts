import type { Pool, PoolClient } from 'pg'

const ignore = () => {}

/** A client of the pool; while it is out, a lost connection rejects its queries and is no uncaught event. */
export async function checkOut(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect()
  client.on('error', ignore)
  return client
}

/** Gives a client back; with an error, the pool replaces it. */
export function checkIn(client: PoolClient, error?: unknown): void {
  client.off('error', ignore)
  client.release(error === undefined ? undefined : true)
}
