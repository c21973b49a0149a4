/** What a tick will probably refresh is sent along with the reading of the log. */
import { sql, type KyselyPlugin } from 'kysely'
import { expect, test } from 'vitest'
import { EVERYBODY } from './support/guess.js'
import { recordTexts } from './support/record-texts.js'
import { openShop } from './support/shop.js'
import { recordRefreshes, until } from './support/updates.js'

const NAMES = ['Eve', 'Mallory', 'Trent', 'Zoe']
const READS = 'EXECUTE "_pg_realtime_read'
const REFRESHES = /EXECUTE pg_realtime_/

test('a query that tick after tick refreshes comes with the log, in one message', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ throttleMs: 0 })
  const live = realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', 1))
  await live.ready
  await realtime.settle()
  using recorded = recordTexts()
  for (let round = 0; round < 40; round += 1) {
    const name = `round ${round}`
    await shop.run('update users set name = $1 where id = 1', [name])
    await until(live, ({ single }) => single?.name === name)
  }
  const together = recorded.texts.filter((text) => text.includes(READS) && REFRESHES.test(text))
  expect(together.length).toBeGreaterThan(10)
  expect(realtime.errors).toEqual([])
})

test('what is due is shown once and with its cause, what is not due is not shown', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ throttleMs: 0 }, { guess: EVERYBODY })
  const user = realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', 1))
  const order = realtime.live(shop.db.selectFrom('orders').select('code').where('id', '=', 1))
  await Promise.all([user.ready, order.ready])
  await realtime.settle()
  const refreshes = recordRefreshes(realtime)
  const tables: string[] = []
  for (const name of [...NAMES, ...NAMES]) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await until(user, ({ single }) => single?.name === name)
    await shop.run('update orders set code = $1 where id = 1', [name])
    await until(order, ({ single }) => single?.code === name)
    tables.push('users', 'orders')
  }
  const seen = refreshes.map(({ reasons, changed }) => [
    changed,
    ...reasons.map((reason) => 'table' in reason && reason.table),
  ])
  expect(seen).toEqual(tables.map((table) => [true, table]))
  expect(new Set(refreshes.map(({ snapshot }) => snapshot)).size).toBe(tables.length)
})

test('scopes of what is sent along reach neither each other nor a question of the same tick', async () => {
  await using shop = await openShop()
  const role = await shop.role()
  await shop.run(`grant select on users to ${role.name}`)
  await using realtime = shop.engine({ throttleMs: 0 }, { guess: EVERYBODY })
  const who = sql<{ name: string; role: string; user: string | null }>`
    select name, current_user::text as role, nullif(current_setting('app.user', true), '') as user from users where id = 1`
  const plain = realtime.live(who)
  const scoped = realtime.live(who, { scope: { role: role.name, settings: { 'app.user': '7' } } })
  // A role that may not read orders could not answer for it.
  const joined = realtime.live(
    shop.db
      .selectFrom('items')
      .innerJoin('orders', 'orders.id', 'items.order_id')
      .select('items.product')
      .where('orders.code', '=', 'A-1'),
  )
  const [own] = await shop.run<{ role: string }>('select current_user::text as role')
  await Promise.all([scoped.ready, plain.ready, joined.ready])
  await realtime.settle()
  const refreshes = recordRefreshes(realtime)
  for (const name of NAMES) {
    await shop.run(
      `with u as (update users set name = '${name}' where id = 1) update items set product = '${name}' where id = 1`,
    )
    await Promise.all([scoped, plain].map((live) => until(live, ({ single }) => single?.name === name)))
    await until(joined, ({ single }) => single?.product === name)
    expect(scoped.single).toEqual({ name, role: role.name, user: '7' })
    expect(plain.single).toEqual({ name, role: own!.role, user: null })
  }
  // The other order's item: only a question tells that it is none of this query's.
  for (const name of NAMES) {
    await shop.run(
      `with u as (update users set name = '${name} B' where id = 1) update items set product = '${name}' where id = 2`,
    )
    await until(scoped, ({ single }) => single?.name === `${name} B`)
  }
  await realtime.barrier()
  expect(refreshes.filter(({ sql: text }) => text.includes('items'))).toHaveLength(NAMES.length)
  expect(realtime.errors.map(String)).toEqual([])
})

test('a query that fails with the reading is told, and keeps nothing from the others', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ throttleMs: 0 }, { guess: EVERYBODY })
  const users = shop.db.selectFrom('users').where('id', '=', 1)
  const fragile = realtime.live(users.select(sql<number>`10 / (length(name) - 4)`.as('n')))
  const sound = realtime.live(users.select('name'))
  await Promise.all([fragile.ready, sound.ready])
  for (const name of [...NAMES, 'Niaj', 'Olivia', 'Ivan', 'Peggy']) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await until(sound, ({ single }) => single?.name === name)
    await until(fragile, ({ status, single }) =>
      name.length === 4 ? status === 'stale' : single?.n === Math.trunc(10 / (name.length - 4)),
    )
  }
  expect(new Set(realtime.errors.map(({ code }) => code))).toEqual(new Set(['QUERY_FAILED']))
})

test('a query that waits for a lock does not hold up what comes without it', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ throttleMs: 0 }, { guess: EVERYBODY })
  const user = realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', 1))
  const order = realtime.live(shop.db.selectFrom('orders').select('code').where('id', '=', 1))
  await Promise.all([user.ready, order.ready])
  await realtime.settle()
  await shop.run(`update users set name = 'Eve' where id = 1`)
  await until(user, ({ single }) => single?.name === 'Eve')
  const blocker = await shop.connect()
  await blocker.query('begin; lock table users in access exclusive mode')
  await shop.run(`update orders set code = 'Z' where id = 1`)
  await until(order, ({ single }) => single?.code === 'Z')
  await blocker.query(`update users set name = 'Trent' where id = 1; commit`)
  await until(user, ({ single }) => single?.name === 'Trent')
  expect(realtime.errors.map(String)).toEqual([])
})

test('a plugin that takes its time with what came with the log holds up no other query', async () => {
  let gate: Promise<void> | undefined
  let onReached = () => {}
  const slow: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      if (result.rows.some((row) => 'name' in row)) {
        onReached()
        await gate
      }
      return result
    },
  }
  await using shop = await openShop({ plugins: [slow] })
  await using realtime = shop.engine({ throttleMs: 0 }, { guess: EVERYBODY })
  const user = realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', 1))
  const order = realtime.live(shop.db.selectFrom('orders').select('code').where('id', '=', 1))
  await Promise.all([user.ready, order.ready])
  await realtime.settle()
  for (const name of NAMES) {
    let open = () => {}
    gate = new Promise((resolve) => (open = resolve))
    const reached = new Promise<void>((resolve) => (onReached = resolve))
    await shop.run('update users set name = $1 where id = 1', [name])
    await reached
    await shop.run('update orders set code = $1 where id = 1', [name])
    await until(order, ({ single }) => single?.code === name)
    open()
    await until(user, ({ single }) => single?.name === name)
  }
  expect(realtime.errors).toEqual([])
})
