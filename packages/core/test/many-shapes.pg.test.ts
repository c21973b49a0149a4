/** A connection keeps so many shapes prepared, and no more. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { TestData } from './support/database.js'
import { openShop, type Shop } from './support/shop.js'

/** What is prepared on the application's only connection, in all and since `time`. */
async function prepared({ pool }: TestData<Shop>, time: Date) {
  const { rows } = await pool.query<{ all: number; since: number }>(
    `select count(*)::int as all, count(*) filter (where prepare_time >= $1)::int as since from pg_prepared_statements
     where starts_with(name, 'pg_realtime_')`,
    [time],
  )
  return rows[0]!
}

async function now(shop: TestData<Shop>): Promise<Date> {
  const [row] = await shop.run<{ now: Date }>('select clock_timestamp() as now')
  return row!.now
}

test('more shapes than it keeps take turns, and what was prepared first is removed', async () => {
  await using shop = await openShop({ pool: { max: 1 } })
  await using realtime = shop.engine()
  const open = (table: 'users' | 'items', column: string) =>
    Array.from({ length: 120 }, (_, n) =>
      realtime.live(
        sql<{
          name: string
        }>`select ${sql.ref(column)} as name, ${sql.lit(n)} as n from ${sql.table(table)} where id = 1`,
      ),
    )
  const [users, items] = [open('users', 'name'), open('items', 'product')]
  await Promise.all([...users, ...items].map(({ ready }) => ready))
  await realtime.settle()
  let since: Date
  for (const name of ['Eve', 'Mallory', 'Trent']) {
    since = await now(shop)
    // Each time, those that are prepared again take the place of some of the others.
    for (const update of ['update users set name', 'update items set product']) {
      await shop.run(`${update} = $1 where id = 1`, [name])
      await realtime.barrier()
    }
    expect(new Set([...users, ...items].map(({ single }) => single?.name))).toEqual(new Set([name]))
  }
  const counts = await prepared(shop, since!)
  expect(counts.all).toBeLessThanOrEqual(200)
  expect(counts.since).toBeGreaterThan(0)
  expect(realtime.errors.map(String)).toEqual([])
})

test('what is prepared anew after a failure does not stay beside what it was', async () => {
  await using shop = await openShop({ pool: { max: 1 } })
  await using realtime = shop.engine()
  const users = shop.db.selectFrom('users').where('id', '=', 1)
  const sound = [1, 2, 3].map((n) => realtime.live(users.select(['name', sql.lit(n).as('n')])))
  const fragile = realtime.live(users.select(sql<number>`10 / (length(name) - 4)`.as('n')))
  await Promise.all([...sound, fragile].map(({ ready }) => ready))
  const since = await now(shop)
  for (const name of ['Eve', 'Judy', 'Trent', 'Niaj', 'Mallory', 'Faye', 'Olivia']) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await realtime.barrier().catch(() => {})
  }
  const counts = await prepared(shop, since)
  expect(counts.all).toBeLessThanOrEqual(4)
  expect(counts.since).toBeGreaterThan(0)
})
