import { singleton } from '@pg-realtime/trpc/server'
import { createRealtime } from '@pg-realtime/core'
import { db, pool } from './database'

/** The engine: one per process, shared by the WebSocket server and by Next's route handlers. */
export const realtime = singleton('realtime', () =>
  createRealtime({
    db,
    pool,
    onError: (error) => console.warn(`[pg-realtime] ${error.code}: ${error.message}`),
  }),
)
