/** A standby cannot be what the engine, or its pool, runs on: that is said at once. */
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg, { type Pool } from 'pg'
import { startPostgres, type RunningPostgres } from '@pg-realtime/tooling/postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { UnsupportedDatabaseError } from '../src/index.js'
import { startEngine } from './support/engine.js'

let primary: RunningPostgres
let standby: RunningPostgres
let pool: Pool
let db: Kysely<object>

beforeAll(async () => {
  primary = await startPostgres({ dedicated: true })
  standby = await primary.standby()
  pool = new pg.Pool({ connectionString: standby.connectionString })
  db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) })
})

afterAll(async () => {
  await pool?.end()
  await Promise.all([standby?.stop('immediate'), primary?.stop('immediate')])
})

test('an engine whose pool is on a standby does not start', async () => {
  await using realtime = startEngine({ db, pool })
  const error: unknown = await realtime.start().catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(UnsupportedDatabaseError)
  expect((error as Error).message).toMatch(/standby.*Connect pool \(or listen\) to the primary/)
  const live = realtime.live(sql`select 1 as one`)
  await expect(live.ready).rejects.toBeInstanceOf(UnsupportedDatabaseError)
})

test('where only the pool is on a standby, each live query is refused', async () => {
  await using realtime = startEngine({ db, pool, listen: { connectionString: primary.connectionString } })
  await realtime.start()
  const live = realtime.live(sql`select 1 as one`)
  const error: unknown = await live.ready.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(UnsupportedDatabaseError)
  expect((error as Error).message).toMatch(/standby.*Connect pool to the primary/)
  expect(live.status).toBe('closed')
  expect(realtime.size).toBe(0)
  expect(realtime.errors.map(String)).toEqual([])
})
