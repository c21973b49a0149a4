import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAnalysisShop, planOf, tablesOf, type AnalysisShop } from './analyze.fixture.js'

let shop: AnalysisShop
let tenant: string
let engine: string

beforeAll(async () => {
  shop = await openAnalysisShop()
  tenant = `tenant_${shop.database.name}`
  engine = `engine_${shop.database.name}`
  await shop.client.query(`
    create role ${tenant}; create role ${engine} login password 'x' in role ${tenant};
    create schema ${tenant}; create table ${tenant}.orders (id int, tenant_only text);
    create table "audit"."select" (id int);
    grant usage on schema ${tenant} to ${tenant}; grant select on ${tenant}.orders to ${tenant};
    grant select on orders to ${engine}, ${tenant}; grant usage on schema audit to ${tenant}; grant select on audit.entries to ${tenant};
    alter table users enable row level security; create policy own on users using (org_id = 1);
    grant select on users to ${tenant}`)
})

afterAll(async () => {
  await shop?.client.query(
    `drop schema ${tenant} cascade; drop owned by ${tenant}, ${engine}; drop role ${tenant}, ${engine}`,
  )
  await shop?.[Symbol.asyncDispose]()
})

test('"$user" is the schema of the scope’s role', async () => {
  expect(tablesOf(await shop.plan('select * from orders', { scope: { role: tenant } }))).toEqual({
    [`${tenant}.orders`]: ['id', 'tenant_only'],
  })
  expect(tablesOf(await shop.plan('select id from orders'))).toEqual({ orders: ['id'] })
})

test('a search path among the settings decides which table a name means', async () => {
  const settings = { search_path: 'audit, public', 'app.user_id': '1' }
  expect(tablesOf(await shop.plan('select e.id from entries e, orders', { scope: { settings } }))).toEqual({
    'audit.entries': ['id'],
    orders: [],
  })
})

test('the scope’s role and settings are gone afterwards', async () => {
  await shop.plan('select 1', { scope: { role: tenant, settings: { search_path: 'audit', 'app.x': '1' } } })
  const { rows } = await shop.client.query(
    `select current_user = session_user as own, current_setting('search_path') as path, current_setting('app.x', true) as x`,
  )
  expect(rows).toEqual([{ own: true, path: '"$user", public', x: expect.toBeOneOf([null, '']) as string }])
})

test('fault 11: tables that the role does not own are seen', async () => {
  const client = await shop.database.connect({ user: engine, password: 'x' })
  expect(tablesOf(await planOf(client, 'select id, status from orders'))).toEqual({ orders: ['id', 'status'] })
  expect(tablesOf(await planOf(client, 'select id from users', { scope: { role: tenant } }))).toEqual({
    users: ['id', 'org_id'],
  })
  await client.end()
})

test('functions and operators of the search path never run in the engine’s own statements', async () => {
  await shop.client.query(`
    create schema evil;
    create function evil.json_agg(anyelement) returns json language plpgsql as 'begin raise exception ''hijacked''; end';
    create function evil.unnest(oid[], oid[]) returns setof oid language plpgsql as 'begin raise exception ''hijacked''; end';
    create function evil.same(name, name) returns boolean language plpgsql as 'begin raise exception ''hijacked''; end';
    create operator evil.= (leftarg = name, rightarg = name, function = evil.same)`)
  const settings = { search_path: 'evil, pg_catalog, public' }
  expect(tablesOf(await shop.plan('select id from orders', { scope: { settings } }))).toEqual({ orders: ['id'] })
})

test('policies that the role bypasses count for tables, and never get a query refused', async () => {
  await shop.client.query(`
    create table guarded (id int); alter table guarded enable row level security; grant select on guarded to ${tenant};
    create function allowed() returns boolean language plpgsql stable as 'begin return true; end';
    create policy by_function on guarded using (allowed() and exists (select from categories) and now() > '2000-01-01');
    create view guarded_view as select id from guarded; grant select on guarded_view to ${tenant}`)
  expect(tablesOf(await shop.plan('select id from guarded'))).toMatchObject({ categories: [], guarded: ['id'] })
  await expect(shop.plan('select id from guarded', { scope: { role: tenant } })).rejects.toThrow(/allowed\(\)/)
  // A view reads as its owner, to whom the policies do not apply.
  await expect(shop.plan('select id from guarded_view', { scope: { role: tenant } })).resolves.toBeDefined()
  await shop.client.query('alter table guarded force row level security')
  await shop.client
    .query(`create role owner_${shop.database.name}; alter table guarded owner to owner_${shop.database.name};
    alter view guarded_view owner to owner_${shop.database.name}; grant usage on schema public to owner_${shop.database.name}`)
  try {
    await expect(shop.plan('select id from guarded_view', { scope: { role: tenant } })).rejects.toThrow(/allowed\(\)/)
  } finally {
    await shop.client
      .query(`reassign owned by owner_${shop.database.name} to current_user; drop owned by owner_${shop.database.name};
      drop role owner_${shop.database.name}`)
  }
})

test('a view that reads as its caller is bound by the policies of the caller', async () => {
  const { rows } = await shop.client.query<{ version: number }>(
    `select current_setting('server_version_num')::int as version`,
  )
  if ((rows[0]?.version ?? 0) < 150000) return
  await shop.client.query(`
    create table invoked (id int); alter table invoked enable row level security; grant select on invoked to ${tenant};
    create policy by_time on invoked using (now() > '2000-01-01');
    create view invoker with (security_invoker = on) as select id from invoked; grant select on invoker to ${tenant}`)
  await expect(shop.plan('select id from invoker')).resolves.toBeDefined()
  await expect(shop.plan('select id from invoker', { scope: { role: tenant } })).rejects.toThrow(/now\(\)/)
})
