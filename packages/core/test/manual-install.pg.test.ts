/** `install: 'manual'`: the SQL that `pg-realtime sql` prints is all that a role with the least rights needs. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { NotInstalledError } from '../src/index.js'
import { main } from '../src/cli.js'
import { engineBackends, terminate } from './support/connections.js'
import type { TestData } from './support/database.js'
import { openShop, type Shop } from './support/shop.js'
import { until } from './support/updates.js'

const DAY = 86_400_000

async function printSql(shop: TestData<Shop>, ...options: string[]): Promise<string> {
  const output: string[] = []
  const complaints: string[] = []
  const code = await main(
    ['sql', '--url', shop.connectionString, ...options],
    (text) => output.push(text),
    (text) => complaints.push(text),
  )
  expect([code, complaints]).toEqual([0, []])
  return output.join('')
}

/** A role that owns nothing, and may read what the queries read. TEMPORARY comes with the printed SQL. */
async function openRuntime(shop: TestData<Shop>) {
  const role = await shop.role()
  await shop.run(`revoke all on schema public from public; revoke all on database ${shop.name} from public;
    grant connect on database ${shop.name} to ${role.name}; grant usage on schema public to ${role.name};
    grant select on users, orders to ${role.name}`)
  return { role, ...shop.application({ pool: role.login }) }
}

test('printed SQL and the least rights are enough, and the role still owns nothing', async () => {
  await using shop = await openShop()
  const { role, pool, db } = await openRuntime(shop)
  await shop.run(await printSql(shop, '--reader', role.name, 'users', 'orders'))
  await using realtime = shop.engine({ pool, db, install: 'manual', auditMs: 50 })
  const live = realtime.live(db.selectFrom('users').select('name').orderBy('id'))
  const joined = realtime.live(
    db.selectFrom('orders').innerJoin('users', 'users.id', 'orders.user_id').select(['code', 'name']).orderBy('code'),
  )
  await Promise.all([live.ready, joined.ready])
  for (const name of ['Eve', 'Mallory', 'Trent']) {
    await shop.run('update users set name = $1 where id = 1', [name])
    await realtime.barrier()
    expect([live.single, joined.single]).toEqual([{ name }, { code: 'A-1', name }])
  }
  await shop.run('truncate users cascade')
  await realtime.barrier()
  expect([live.rows, joined.rows]).toEqual([[], []])
  expect(realtime.errors.map(String)).toEqual([])
  const owned = await shop.run(
    `select oid::regclass::text from pg_class where relowner = $1::regrole and relpersistence <> 't'
     union all select oid::regproc::text from pg_proc where proowner = $1::regrole and pronamespace::regnamespace::text !~ '^pg_temp'`,
    [role.name],
  )
  expect(owned).toEqual([])
})

test('a table that was left out is named, with the command that prints its SQL', async () => {
  await using shop = await openShop()
  const { role, pool, db } = await openRuntime(shop)
  await shop.run(await printSql(shop, '--reader', role.name, 'users'))
  await using realtime = shop.engine({ pool, db, install: 'manual' })
  const users = realtime.live(db.selectFrom('users').select('id'))
  await users.ready
  const error: unknown = await realtime
    .live(db.selectFrom('orders').select('id'))
    .ready.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(NotInstalledError)
  expect((error as NotInstalledError).tables.join()).toContain('orders')
  expect((error as NotInstalledError).message).toMatch(/pg-realtime sql .*orders/)
  expect(users.status).toBe('live')
})

test('nothing installed at all is an error that says so, and creates nothing', async () => {
  await using shop = await openShop()
  const { pool, db } = await openRuntime(shop)
  await using realtime = shop.engine({ pool, db, install: 'manual' })
  await expect(realtime.live(db.selectFrom('users').select('id')).ready).rejects.toBeInstanceOf(NotInstalledError)
  expect(await shop.run(`select from pg_namespace where nspname = '_pg_realtime'`)).toEqual([])
})

test('columns are excluded by the printed SQL', async () => {
  await using shop = await openShop()
  const { role, pool, db } = await openRuntime(shop)
  await shop.run(await printSql(shop, '--reader', role.name, '--exclude', 'users.email', 'users'))
  await using realtime = shop.engine({ pool, db, install: 'manual', exclude: { users: ['email'] } })
  const hashed: ReadonlySet<string>[] = []
  const live = realtime.live(db.selectFrom('users').select(['id', 'email']).orderBy('id'), {
    refresh: ({ change }) => hashed.push(change.hashed) > 0,
  })
  await live.ready
  await realtime.settle()
  await shop.run(`update users set email = 'hidden' where id = 1`)
  await realtime.barrier()
  expect(live.single).toEqual({ id: 1, email: 'hidden' })
  expect(hashed).toEqual([new Set(['email'])])
})

test('a runtime role that serves scopes needs to be a member of their roles, and nothing else', async () => {
  await using shop = await openShop()
  const { role, pool, db } = await openRuntime(shop)
  const tenant = await shop.role()
  await shop.run(`grant ${tenant.name} to ${role.name}; grant usage on schema public to ${tenant.name};
    grant select on orders to ${tenant.name}; alter table orders enable row level security;
    create policy own on orders to ${tenant.name} using (user_id = current_setting('app.user')::int)`)
  await shop.run(await printSql(shop, '--reader', role.name, 'orders'))
  await using realtime = shop.engine({ pool, db, install: 'manual' })
  const live = realtime.live(db.selectFrom('orders').select('code'), {
    scope: { role: tenant.name, settings: { 'app.user': '1' } },
  })
  expect(await live.ready).toEqual([{ code: 'A-1' }])
  await shop.run(`update orders set code = code || '!'`)
  await realtime.barrier()
  expect(live.rows).toEqual([{ code: 'A-1!' }])
})

test('triggers that go away are told, and what they missed shows once the SQL was run again', async () => {
  await using shop = await openShop()
  const { role, pool, db } = await openRuntime(shop)
  const install = await printSql(shop, '--reader', role.name, 'users', 'orders')
  await shop.run(install)
  await using realtime = shop.engine({ pool, db, install: 'manual', auditMs: 50 })
  const users = realtime.live(db.selectFrom('users').select('name').orderBy('id'))
  const orders = realtime.live(sql<Record<string, unknown>>`select * from orders where id = 1`)
  await Promise.all([users.ready, orders.ready])
  await shop.run(`begin; alter table users disable trigger all; update users set name = 'unseen' where id = 1; commit`)
  await until(users, ({ status }) => status === 'stale')
  expect(users).toMatchObject({ single: { name: 'Ada' }, error: { code: 'NOT_INSTALLED' } })
  expect(users.error?.message).toMatch(/pg-realtime sql 'users'/)
  // It concerns nobody else, and keeps nobody from noticing what else changes.
  await shop.run(`alter table orders add column note text default 'new'`)
  await until(orders, ({ single }) => single?.['note'] === 'new')
  expect(orders.status).toBe('live')
  await shop.run(install)
  await until(users, ({ status }) => status === 'live')
  expect(users.single).toEqual({ name: 'unseen' })
  await shop.run(`update users set name = 'seen' where id = 1`)
  await realtime.barrier()
  expect(users.single).toEqual({ name: 'seen' })
})

test('the SQL that is run again says itself that triggers were missing', async () => {
  await using shop = await openShop()
  const { role, pool, db } = await openRuntime(shop)
  const install = await printSql(shop, '--reader', role.name, 'users')
  await shop.run(install)
  await using realtime = shop.engine({ pool, db, install: 'manual', auditMs: DAY })
  const users = realtime.live(db.selectFrom('users').select('name').orderBy('id'))
  await users.ready
  await realtime.settle()
  await shop.run(`begin; alter table users disable trigger all; update users set name = 'unseen' where id = 1; commit`)
  await shop.run(install)
  await realtime.barrier()
  expect(users.single).toEqual({ name: 'unseen' })
})

test('a table whose triggers are gone keeps no other from coming back after a lost connection', async () => {
  await using shop = await openShop()
  const { role, pool, db } = await openRuntime(shop)
  const install = await printSql(shop, '--reader', role.name, 'users', 'orders')
  await shop.run(install)
  await using realtime = shop.engine({ pool, db, install: 'manual', auditMs: 200 })
  const users = realtime.live(db.selectFrom('users').select('name').orderBy('id'))
  const orders = realtime.live(db.selectFrom('orders').select('code').orderBy('id'))
  await Promise.all([users.ready, orders.ready])
  await shop.run(`begin; alter table users disable trigger all; update users set name = 'unseen' where id = 1; commit`)
  await terminate(shop, await engineBackends(shop))
  await until(users, ({ error }) => error?.code === 'NOT_INSTALLED')
  await until(orders, ({ status }) => status === 'live')
  await shop.run(`update orders set code = 'new' where id = 1`)
  await until(orders, ({ single }) => single?.code === 'new')
  expect(users.status).toBe('stale')
  await shop.run(install)
  await until(users, ({ status }) => status === 'live')
  expect(users.single).toEqual({ name: 'unseen' })
})
