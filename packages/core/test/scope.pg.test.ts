/** `scope: { role, settings }`: a query sees what its role and settings may see, and leaves nothing behind. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { TestData, TestRole } from './support/database.js'
import { openShop, type Shop } from './support/shop.js'
import { recordUpdates, until } from './support/updates.js'

/** Orders are visible to their user only, for a role that may read nothing else. */
async function openTenants(): Promise<{ shop: TestData<Shop>; tenant: TestRole } & AsyncDisposable> {
  const shop = await openShop({ pool: { max: 3 } })
  const tenant = await shop.role()
  await shop.run(`grant select on orders to ${tenant.name}; alter table orders enable row level security;
    create policy own on orders to ${tenant.name} using (user_id = nullif(current_setting('app.user', true), '')::int)`)
  return { shop, tenant, [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose]() }
}

const scopeOf = (tenant: TestRole, user: number) => ({ role: tenant.name, settings: { 'app.user': String(user) } })

test('each scope sees its own rows, now and after every change', async () => {
  await using tenants = await openTenants()
  const { shop, tenant } = tenants
  await using realtime = shop.engine()
  const orders = shop.db.selectFrom('orders').select(['user_id', 'code']).orderBy('id')
  const lives = [1, 2].map((user) => realtime.live(orders, { scope: scopeOf(tenant, user) }))
  const everything = realtime.live(orders)
  await Promise.all([...lives, everything].map((live) => live.ready))
  const updates = lives.map((live) => recordUpdates(live))
  for (let round = 0; round < 20; round += 1) {
    await shop.run(`insert into orders (user_id, code) values ($1, $2)`, [1 + (round % 2), `round ${round}`])
    if (round % 5 === 0) await realtime.barrier()
  }
  await realtime.barrier()
  expect(lives.map((live) => live.rows.length)).toEqual([11, 11])
  expect(everything.rows).toHaveLength(22)
  for (const [index, live] of updates.entries()) {
    for (const { rows } of live) for (const row of rows) expect(row.user_id).toBe(index + 1)
  }
})

test('neither role nor settings reach another statement, of the engine or of the application', async () => {
  await using tenants = await openTenants()
  const { shop, tenant } = tenants
  await using realtime = shop.engine({ maxRefreshConnections: 3 })
  const who = sql<{ user: string | null; role: string; count: string }>`
    select nullif(current_setting('app.user', true), '') as user, current_user::text as role, count(*) from orders`
  const plain = realtime.live(who)
  const scoped = [1, 2, 3].map((user) => realtime.live(who, { scope: scopeOf(tenant, user) }))
  const settingsOnly = realtime.live(who, { scope: { settings: { 'app.user': '9' } } })
  await Promise.all([plain, settingsOnly, ...scoped].map((live) => live.ready))
  for (let round = 0; round < 10; round += 1) {
    await shop.run(`insert into orders (user_id, code) values (1, 'x'), (2, 'y')`)
    await realtime.barrier()
    const [own] = await shop.run<{ role: string }>('select current_user::text as role')
    expect(plain.single).toMatchObject({ user: null, role: own!.role })
    expect(settingsOnly.single).toMatchObject({ user: '9', role: own!.role })
    expect(scoped.map((live) => live.single?.user)).toEqual(['1', '2', '3'])
    for (const live of scoped) expect(live.single?.role).toBe(tenant.name)
  }
  const clients = await Promise.all([1, 2, 3].map(() => shop.pool.connect()))
  for (const client of clients) {
    const { rows } = await client.query<{ user: string | null; same: boolean }>(
      `select nullif(current_setting('app.user', true), '') as user, current_user = session_user as same`,
    )
    expect(rows).toEqual([{ user: null, same: true }])
    client.release()
  }
})

test('a failing query of one scope does not leak it either', async () => {
  await using tenants = await openTenants()
  const { shop, tenant } = tenants
  await using realtime = shop.engine({ maxRefreshConnections: 1 })
  const divided = sql<{ n: number }>`select 1 / (count(*) - 1)::int as n, current_setting('app.user', true) from orders`
  const failing = realtime.live(divided, { scope: scopeOf(tenant, 1), onError: () => {} })
  await expect(failing.ready).rejects.toMatchObject({ code: 'QUERY_FAILED' })
  const plain = realtime.live(sql<{ user: string | null; n: number }>`
    select nullif(current_setting('app.user', true), '') as user, count(*)::int as n from orders`)
  expect(await plain.ready).toEqual([{ user: null, n: 2 }])
})

test('a policy that reads another table is followed: a grant there changes the rows here', async () => {
  await using shop = await openShop()
  const member = await shop.role()
  await shop.run(`create table members (user_id int, role name); alter table orders enable row level security;
    grant select on orders, members to ${member.name};
    create policy members on orders to ${member.name}
      using (exists (select from members m where m.user_id = orders.user_id and m.role = current_user))`)
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('orders').select('code').orderBy('id'), {
    scope: { role: member.name },
  })
  expect(await live.ready).toEqual([])
  await shop.run(`insert into members values (2, '${member.name}')`)
  await realtime.barrier()
  expect(live.rows).toEqual([{ code: 'B-1' }])
  await shop.run('delete from members')
  await realtime.barrier()
  expect(live.rows).toEqual([])
})

test('a role that leaves another one, or the one above that, sees no more of its rows', async () => {
  await using shop = await openShop()
  const [member, group, staff] = [await shop.role(), await shop.role(), await shop.role()]
  await shop.run(`grant ${group.name} to ${member.name}; grant ${staff.name} to ${group.name};
    alter table orders enable row level security; grant select on orders to ${member.name};
    create policy staff on orders to ${staff.name} using (true)`)
  await using realtime = shop.engine({ auditMs: 50 })
  const scope = { role: member.name }
  const live = realtime.live(shop.db.selectFrom('orders').select('code').orderBy('id'), { scope })
  expect(await live.ready).toHaveLength(2)
  await shop.run(`revoke ${staff.name} from ${group.name}`)
  await until(live, ({ rows }) => rows.length === 0)
  await shop.run(`grant ${staff.name} to ${group.name}`)
  await until(live, ({ rows }) => rows.length === 2)
  await shop.run(`revoke ${group.name} from ${member.name}`)
  await until(live, ({ rows }) => rows.length === 0)
  expect(realtime.errors).toEqual([])
})

test('a role that may not read any more by a role that it left is told so', async () => {
  await using shop = await openShop()
  const [member, group] = [await shop.role(), await shop.role()]
  await shop.run(`grant ${group.name} to ${member.name}; grant select on orders to ${group.name}`)
  await using realtime = shop.engine({ auditMs: 50 })
  const live = realtime.live(shop.db.selectFrom('orders').select('code'), { scope: { role: member.name } })
  await live.ready
  await shop.run(`revoke ${group.name} from ${member.name}`)
  await until(live, ({ status }) => status === 'stale')
  expect(live.error?.message).toMatch(/^Permission denied for table orders/)
})

test('a policy that changes is noticed', async () => {
  await using tenants = await openTenants()
  const { shop, tenant } = tenants
  await using realtime = shop.engine({ auditMs: 50 })
  const live = realtime.live(shop.db.selectFrom('orders').select('code').orderBy('id'), { scope: scopeOf(tenant, 1) })
  expect(await live.ready).toEqual([{ code: 'A-1' }])
  await shop.run(`drop policy own on orders`)
  await until(live, ({ rows }) => rows.length === 0)
})

test('a role that does not exist, or that the engine may not become, is a typed error', async () => {
  await using shop = await openShop()
  const reader = await shop.role()
  const stranger = await shop.role()
  await shop.run(`grant select on users to ${reader.name}`)
  const application = shop.application({ pool: reader.login })
  const users = application.db.selectFrom('users').select('name')
  await using realtime = shop.engine({ ...application, installer: { connectionString: shop.connectionString } })
  await expect(realtime.live(users, { scope: { role: 'nobody at all' } }).ready).rejects.toThrow(/nobody at all/)
  await expect(realtime.live(users, { scope: { role: stranger.name } }).ready).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
  })
  expect(await realtime.live(users).ready).toHaveLength(2)
})

test('names and values of settings are data, whatever they contain', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const value = `'; drop table users; --\\ "é"`
  const live = realtime.live(sql<{ it: string }>`select current_setting('app.user', true) as it, count(*) from users`, {
    scope: { settings: { 'app.user': value } },
  })
  expect((await live.ready)[0]!.it).toBe(value)
  const wrong = { 'app.user': 1 } as unknown as Record<string, string>
  await expect(
    realtime.live(shop.db.selectFrom('users').select('id'), { scope: { settings: wrong } }).ready,
  ).rejects.toMatchObject({
    code: 'INVALID_OPTION',
  })
})

test('what functions of a query set reaches no other query, and not the application', async () => {
  await using shop = await openShop({ pool: { max: 2 } })
  await shop.run(`create function become(n int) returns bigint language plpgsql as $$ begin
    perform set_config('app.user', n::text, true), set_config('app.sticky', n::text, false);
    return (select count(*) from orders); end $$`)
  await using realtime = shop.engine()
  const options = { dependsOn: ['orders'], refreshEvery: false } as const
  const becoming = [1, 2].map((n) => realtime.live(sql<{ n: string }>`select become(${n}) as n`, options))
  const set = sql<{
    user: string
  }>`select concat(current_setting('app.user', true), current_setting('app.sticky', true)) as user,
    count(*) from orders`
  const plain = realtime.live(set)
  const others = [1, 2].map((id) => realtime.live(sql<{ user: string }>`${set} where id = ${id}`))
  await Promise.all([...becoming, plain, ...others].map((live) => live.ready))
  for (const round of [3, 4, 5]) {
    await shop.run(`insert into orders (user_id, code) values (1, 'x')`)
    await realtime.barrier()
    expect(becoming.map(({ single }) => single)).toEqual([{ n: String(round) }, { n: String(round) }])
    expect([plain, ...others].map(({ single }) => single?.user)).toEqual(['', '', ''])
  }
  const clients = await Promise.all([1, 2].map(() => shop.pool.connect()))
  for (const client of clients) {
    const { rows } = await client.query(`select coalesce(current_setting('app.sticky', true), '') as sticky`)
    expect(rows).toEqual([{ sticky: '' }])
    client.release()
  }
})

test('a scope that its object is changed to later is another scope', async () => {
  await using tenants = await openTenants()
  const { shop, tenant } = tenants
  await using realtime = shop.engine()
  const orders = shop.db.selectFrom('orders').select(['user_id', 'code']).orderBy('id')
  const settings = { 'app.user': '1' }
  const scope = { role: tenant.name, settings }
  const one = realtime.live(orders, { scope })
  settings['app.user'] = '2'
  const two = realtime.live(orders, { scope })
  await Promise.all([one.ready, two.ready])
  expect([one.rows, two.rows]).toEqual([[{ user_id: 1, code: 'A-1' }], [{ user_id: 2, code: 'B-1' }]])
  settings['app.user'] = '3'
  await shop.run(`update orders set code = code || '!'`)
  await realtime.barrier()
  expect([one.single?.code, two.single?.code]).toEqual(['A-1!', 'B-1!'])
})

test('two settings that differ in case only are refused', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const live = realtime.live(shop.db.selectFrom('orders').select('id'), {
    scope: { settings: { 'app.user': '1', 'APP.user': '2' } },
  })
  await expect(live.ready).rejects.toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(/twice/) })
})
