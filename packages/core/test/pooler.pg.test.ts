/** A pooler in transaction mode takes notifications and session state away. */
import { Kysely, PostgresDialect } from 'kysely'
import { createTransactionPooler } from '@pg-realtime/tooling/transaction-pooler'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { startEngine } from './support/engine.js'
import { openShop, type Shop } from './support/shop.js'
import { until } from './support/updates.js'

function applicationOn(connectionString: string) {
  const pool = new pg.Pool({ connectionString })
  pool.on('error', () => {})
  return {
    pool,
    db: new Kysely<Shop>({ dialect: new PostgresDialect({ pool }) }),
    async [Symbol.asyncDispose]() {
      void pool.end()
    },
  }
}

/** An application behind a pooler. */
async function openBehindPooler() {
  const shop = await openShop()
  const pooler = await createTransactionPooler({ connectionString: shop.connectionString, size: 4 })
  const application = applicationOn(pooler.connectionString)
  return {
    shop,
    ...application,
    names: application.db.selectFrom('users').select('name').orderBy('id'),
    async [Symbol.asyncDispose]() {
      await application[Symbol.asyncDispose]()
      await pooler[Symbol.asyncDispose]()
      await shop[Symbol.asyncDispose]()
    },
  }
}

test('it is recognised at the start, told clearly, and polling takes the doorbell’s place', async () => {
  await using behind = await openBehindPooler()
  const { shop, pool, db, names } = behind
  await using realtime = startEngine({ db, pool, throttleMs: 0, safetyPollMs: 50 })
  const live = realtime.live(names)
  await live.ready
  await vi.waitFor(() => expect(realtime.errors).not.toEqual([]))
  expect(realtime.errors[0]!.message).toMatch(/pooler.*`listen`/s)
  for (const name of ['Eve', 'Mallory', 'Trent']) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await until(live, ({ single }) => single?.name === name)
  }
  expect(realtime.errors).toHaveLength(1)
})

test('nothing of the engine stays in the sessions that it shares out', async () => {
  await using shop = await openShop()
  await shop.run(
    `do $$ begin execute format('alter database %I set statement_timeout = ''41s''', current_database()); end $$`,
  )
  await using pooler = await createTransactionPooler({ connectionString: shop.connectionString, size: 4 })
  await using application = applicationOn(pooler.connectionString)
  const { db, pool } = application
  const session = async () => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => pool.connect()))
    // Each has a server's connection to itself for as long as its transaction lasts.
    for (const client of clients) await client.query('begin')
    const found = await Promise.all(
      clients.map((client) =>
        client.query(`select name || '=' || setting as setting from pg_settings where name in ('statement_timeout',
          'synchronous_commit', 'lock_timeout', 'idle_in_transaction_session_timeout', 'default_transaction_read_only')
          union all select 'lock' from pg_locks where locktype = 'advisory' and granted and database =
            (select oid from pg_database where datname = current_database())
          union all select 'statement ' || name from pg_prepared_statements order by 1`),
      ),
    )
    for (const client of clients) await client.query('rollback').finally(() => client.release())
    return found.map(({ rows }) => (rows as { setting: string }[]).map(({ setting }) => setting))
  }
  const before = await session()
  expect(before[0]).toContain('statement_timeout=41000')
  const realtime = startEngine({ db, pool, throttleMs: 0, safetyPollMs: 50 })
  const lives = [1, 2].map((id) => realtime.live(db.selectFrom('users').select('name').where('id', '=', id)))
  await Promise.all(lives.map(({ ready }) => ready))
  for (const name of ['Eve', 'Mallory', 'Trent']) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await until(lives[0]!, ({ single }) => single?.name === name)
  }
  expect(await session()).toEqual(before)
  await realtime.stop()
  expect(await session()).toEqual(before)
})

test('with `listen` the doorbell goes round it', async () => {
  await using behind = await openBehindPooler()
  const { shop, pool, db, names } = behind
  await using realtime = startEngine({ db, pool, throttleMs: 0, listen: { connectionString: shop.connectionString } })
  const live = realtime.live(names)
  await live.ready
  for (const name of ['Eve', 'Mallory', 'Trent']) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await realtime.barrier()
    expect(live.single).toEqual({ name })
  }
  expect(realtime.errors.map(String)).toEqual([])
})

test('scopes do not leak through the connections that it shares out', async () => {
  await using behind = await openBehindPooler()
  const { shop, pool, db } = behind
  const tenant = await shop.role()
  await shop.run(`grant select on orders to ${tenant.name}; alter table orders enable row level security;
    create policy own on orders to ${tenant.name} using (user_id = current_setting('app.user')::int)`)
  await using realtime = startEngine({ db, pool, throttleMs: 0, listen: { connectionString: shop.connectionString } })
  const orders = db.selectFrom('orders').select('code').orderBy('id')
  const lives = [1, 2].map((user) =>
    realtime.live(orders, { scope: { role: tenant.name, settings: { 'app.user': String(user) } } }),
  )
  const all = realtime.live(orders)
  await Promise.all([...lives, all].map((live) => live.ready))
  await shop.run(`update orders set code = code || '!'`)
  await realtime.barrier()
  expect(lives.map((live) => live.rows)).toEqual([[{ code: 'A-1!' }], [{ code: 'B-1!' }]])
  expect(all.rows).toHaveLength(2)
})
