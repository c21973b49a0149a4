import { createEngine } from './engine.js'
import type { Realtime, RealtimeOptions } from './live/contract.js'

/**
 * Makes the engine of one process: everything that its live queries share. Connects at the first `live()` or `start()`.
 *
 * ```ts
 * const realtime = createRealtime({ db, pool })
 * const pending = realtime.live(db.selectFrom('orders').select(['id', 'code']).where('status', '=', 'pending'))
 * await pending.ready
 * pending.subscribe(({ rows }) => console.log(rows))
 * ```
 *
 * Throws `UnsupportedDatabaseError` if `db` does not run on PostgreSQL through `pg`, and `InvalidOptionError`.
 */
export function createRealtime<DB>(options: RealtimeOptions<DB>): Realtime<DB> {
  return createEngine(options)
}
