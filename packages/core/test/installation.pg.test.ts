/** Installing in a database that is busy, by several at once, and not at all. */
import { expect, test, vi } from 'vitest'
import { openDatabase } from './support/database.js'
import { openShop } from './support/shop.js'
import { recordUpdates, until } from './support/updates.js'

const DAY = 86_400_000

test('fault 14: a live query on a table with an open writer waits for nobody', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await realtime.live(shop.db.selectFrom('users').select('id')).ready
  await shop.run(`begin; update users set name = 'Eve' where id = 1; lock table users in row exclusive mode`)
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name', 'email']))
  expect(await live.ready).toHaveLength(2)
  await shop.run('commit')
})

test('fault 14: the first installation on a table lets writers pass, and waits for the one that is open', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await shop.run(`begin; update users set name = 'Eve' where id = 1`)
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  let isReady = false
  void live.ready.then(() => (isReady = true))
  const other = await shop.connect()
  // The installation has tried for the lock, and given way.
  await vi.waitFor(async () => {
    const { rows } = await other.query(`select from pg_locks where relation = 'users'::regclass and not granted`)
    expect(rows).not.toEqual([])
  })
  for (let id = 100; id < 120; id += 1) await other.query('insert into users (id, name) values ($1, $2)', [id, 'new'])
  expect(isReady).toBe(false)
  await shop.run('commit')
  expect(await live.ready).toHaveLength(22)
  expect(live.single).toEqual({ name: 'Eve' })
})

test('fault 14: no statement of the engine takes more than ACCESS SHARE on a table that is installed', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ auditMs: 50 })
  await realtime.live(shop.db.selectFrom('users').select('id')).ready
  await realtime.settle()
  // Conflicts with everything above ACCESS SHARE.
  await shop.run('begin; lock table users in exclusive mode')
  const live = realtime.live(shop.db.selectFrom('users').select(['id', 'name', 'email']))
  await live.ready
  await realtime.barrier()
  await shop.run('commit')
})

test('the first live query on a table refreshes no other one', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const users = realtime.live(shop.db.selectFrom('users').select('id'))
  await users.ready
  await realtime.settle()
  const before = users.explain().refreshes
  await realtime.live(shop.db.selectFrom('orders').select('id')).ready
  await realtime.barrier()
  expect(users.explain().refreshes).toBe(before)
})

test('fault 15: many servers that start at once, on many tables, all install', async () => {
  const tables = Array.from({ length: 20 }, (_, n) => `table_${n}`)
  await using data = await openDatabase<Record<string, { id: number }>>(
    tables.map((name) => `create table ${name} (id int)`).join(';'),
  )
  const engines = Array.from({ length: 4 }, () => data.engine())
  try {
    const lives = engines.flatMap((realtime, index) => {
      const order = index % 2 === 0 ? tables : tables.toReversed()
      return order.map((name) => realtime.live(data.db.selectFrom(name).select('id')))
    })
    await Promise.all(lives.map((live) => live.ready))
    for (const name of tables) await data.run(`insert into ${name} values (1)`)
    await Promise.all(engines.map((realtime) => realtime.barrier()))
    for (const live of lives) expect(live.rows).toEqual([{ id: 1 }])
    expect(engines.flatMap(({ errors }) => errors.map(String))).toEqual([])
  } finally {
    await Promise.all(engines.map((realtime) => realtime.stop()))
  }
})

test('an installation whose connection is lost is tried again', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  await realtime.start()
  await shop.run(`begin; update users set name = 'Eve' where id = 1`)
  const live = realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', 1))
  const other = await shop.connect()
  await vi.waitFor(async () => {
    const { rows } = await other.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'pg-realtime installer' and wait_event_type = 'Lock' and datname = current_database()`)
    expect(rows).not.toEqual([])
  })
  await shop.run('commit')
  expect(await live.ready).toEqual([{ name: 'Eve' }])
})

test('what is installed already is left as it is', async () => {
  await using shop = await openShop()
  const users = shop.db.selectFrom('users').select('id')
  await using first = shop.engine()
  await first.live(users).ready
  const versions = () =>
    shop.run(`select oid, xmin::text from pg_trigger where tgname like '\\_pg\\_realtime%'
      union all select oid, xmin::text from pg_proc where proname like '\\_pg\\_realtime%' order by 1`)
  const before = await versions()
  await using second = shop.engine({ auditMs: 20 })
  await second.live(users).ready
  await second.barrier()
  await first.stop()
  await first.start()
  await first.live(users).ready
  expect(await versions()).toEqual(before)
})

test('a role without the right to install gets an error that names what is missing', async () => {
  await using shop = await openShop()
  const reader = await shop.role()
  await shop.run(`grant select on users to ${reader.name}`)
  const application = shop.application({ pool: reader.login })
  await using realtime = shop.engine(application)
  const error = await realtime
    .live(application.db.selectFrom('users').select('id'))
    .ready.catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'INSTALL_FAILED' })
  expect((error as Error).message).toMatch(/installer/)
})

test('a trigger that somebody drops or disables is put back, and what happened meanwhile shows', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ auditMs: 50 })
  const live = realtime.live(shop.db.selectFrom('users').select('name').orderBy('id'))
  await live.ready
  const updates = recordUpdates(live)
  for (const [index, statement] of [
    `alter table users disable trigger all`,
    `drop function _pg_realtime._pg_realtime_notify_users cascade`,
  ].entries()) {
    await shop.run(statement)
    await shop.run('update users set name = $1 where id = 1', [`unseen ${index}`])
    await vi.waitFor(() => expect(live.single).toEqual({ name: `unseen ${index}` }), { timeout: 10_000 })
    await shop.run('update users set name = $1 where id = 1', [`seen ${index}`])
    await realtime.barrier()
    expect(live.single).toEqual({ name: `seen ${index}` })
  }
  expect(updates).toHaveLength(4)
})

test('what another server puts back is known to have been missing', async () => {
  await using shop = await openShop()
  const names = () => shop.db.selectFrom('users').select('name').orderBy('id')
  await using repairing = shop.engine({ auditMs: 50 })
  await using other = shop.engine({ auditMs: DAY, safetyPollMs: 50 })
  const [one, two] = [repairing.live(names()), other.live(names())]
  await Promise.all([one.ready, two.ready])
  await Promise.all([repairing.settle(), other.settle()])
  await shop.run(`begin; alter table users disable trigger all; update users set name = 'unseen' where id = 1; commit`)
  await until(one, ({ single }) => single?.name === 'unseen')
  await until(two, ({ single }) => single?.name === 'unseen')
  expect(two.explain().lastRefresh?.reasons).toEqual([
    { kind: 'change', table: 'users', operation: 'bulk', columns: [] },
  ])
})

test('two engines on one database: one may stop, be killed, or lag, and the other follows', async () => {
  await using shop = await openShop()
  const users = shop.db.selectFrom('users').select('name').orderBy('id')
  await using first = shop.engine()
  const other = shop.application()
  await using second = shop.engine(other)
  const [one, two] = [first.live(users), second.live(other.db.selectFrom('users').select('name').orderBy('id'))]
  await Promise.all([one.ready, two.ready])
  for (let n = 0; n < 20; n += 1) await shop.run('update users set name = $1 where id = 1', [`name ${n}`])
  await Promise.all([first.barrier(), second.barrier()])
  expect([one.single, two.single]).toEqual([{ name: 'name 19' }, { name: 'name 19' }])
  const follows = async (name: string) => {
    const seen = new Promise<void>((resolve) => two.subscribe(({ rows }) => rows[0]?.name === name && resolve()))
    await shop.run('update users set name = $1 where id = 1', [name])
    await seen
  }
  await follows('both run')
  await first.stop()
  await follows('one has stopped')
  await first.start()
  const again = first.live(users)
  expect((await again.ready)[0]).toEqual({ name: 'one has stopped' })
  await follows('it is back')
  await first.barrier()
  expect(again.single).toEqual({ name: 'it is back' })
})
