/** Limits that somebody set on the server, for good reasons of their own, do not end the engine. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { openShop } from './support/shop.js'
import { engineBackends } from './support/connections.js'
import { recordUpdates } from './support/updates.js'

test.each([
  ['statement_timeout', '150ms'],
  ['idle_in_transaction_session_timeout', '150ms'],
  ['idle_session_timeout', '150ms'],
  ['lock_timeout', '1ms'],
  ['default_transaction_read_only', 'on'],
  ['default_transaction_isolation', 'serializable'],
  ['default_transaction_deferrable', 'on'],
  ['search_path', 'pg_catalog'],
  ['DateStyle', 'SQL, DMY'],
  ['standard_conforming_strings', 'off'],
])('a role with %s = %s', async (setting, value) => {
  await using shop = await openShop()
  const role = await shop.role('superuser')
  await shop.run(`alter role ${role.name} set ${setting} = '${value}'`.replace(`'SQL, DMY'`, 'SQL, DMY'))
  const application = shop.application({ pool: role.login })
  await using realtime = shop.engine(application)
  const live = realtime.live(sql<{ name: string }>`select name from public.users order by id`)
  await live.ready
  const before = await engineBackends(shop)
  const updates = recordUpdates(live)
  // Longer than the limits: the engine idles, and a query takes its time.
  const slow = realtime.live(sql<{ id: number }>`select count(*)::int as id from public.users, pg_sleep(0.4)`, {
    refreshEvery: false,
  })
  await slow.ready
  await shop.run(`select pg_sleep(0.5)`)
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await realtime.barrier()
  expect(live).toMatchObject({ status: 'live', single: { name: 'Eve' } })
  expect(updates.map(({ kind }) => kind)).toEqual(['rows'])
  expect(await engineBackends(shop)).toEqual(before)
  // Of the pool's idle connections, which such a limit ends, the engine tells whoever listens.
  const others = realtime.errors.filter(({ message }) => !message.includes('The pool lost an idle connection'))
  expect(others.map(String)).toEqual([])
})

test('a server that has no connection free for a refresh: tried again until it has', async () => {
  await using shop = await openShop({ pool: { max: 2 } })
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  const taken = await Promise.all([shop.pool.connect(), shop.pool.connect()])
  await shop.run(`update users set name = 'Eve' where id = 1`)
  const barrier = realtime.barrier()
  for (const client of taken) client.release()
  await barrier
  expect(live.single).toEqual({ name: 'Eve' })
})

test('an engine keeps two connections, and borrows from the pool only while it works', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const lives = Array.from({ length: 20 }, (_, n) =>
    realtime.live(shop.db.selectFrom('users').select('name').where('id', '<', n)),
  )
  await Promise.all(lives.map((live) => live.ready))
  await realtime.settle()
  expect(await engineBackends(shop)).toHaveLength(2)
  expect(shop.pool.idleCount).toBe(shop.pool.totalCount)
})
