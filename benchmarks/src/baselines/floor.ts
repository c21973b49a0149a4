import type { Pool, PoolClient } from 'pg'
import { runPrepared, type Watcher } from '../harness/watcher.js'

/**
 * As little as can be done: a bare NOTIFY from the table, a bare LISTEN, one prepared query, and a callback in the same
 * process. It knows which query to run only because there is one.
 */
export async function openFloor(pool: Pool): Promise<Watcher> {
  await pool.query(`create function floor_notify() returns trigger language plpgsql as
    $$ begin notify floor; return null; end $$`)
  for (const table of ['orders', 'items']) {
    await pool.query(`create trigger floor after update on ${table} execute function floor_notify()`)
  }
  const listener: PoolClient = await pool.connect()
  await listener.query('listen floor')
  return {
    name: 'floor: LISTEN and the prepared query',
    watch: async (kind, customer, onRows) => {
      await runPrepared(pool, kind, customer)
      const onNotification = (): void => void runPrepared(pool, kind, customer).then(onRows)
      listener.on('notification', onNotification)
      return () => listener.off('notification', onNotification)
    },
    [Symbol.asyncDispose]: () => {
      listener.release(true)
      return Promise.resolve()
    },
  }
}
