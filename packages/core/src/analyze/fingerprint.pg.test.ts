import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openAnalysisShop, type AnalysisShop } from './analyze.fixture.js'
import { driftedPlans } from './fingerprint.js'

const SETUP = `
create table events (id int, at date not null) partition by range (at);
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
create table detached (id int, at date not null);
create table animals (id int); create table dogs () inherits (animals);
create view totals as select id, total from orders;
create function counted() returns bigint stable begin atomic select count(*) from items; end;
create function opaque() returns int stable language sql as 'select 1';
create table documents (id int, org_id int); alter table documents enable row level security;
create policy own on documents using (org_id = 1);
create type mood as enum ('good'); create table moods (id int, mood mood[]);
create table priced (id int, net int, gross int generated always as (net * 2) stored);`

let shop: AnalysisShop

beforeAll(async () => {
  shop = await openAnalysisShop(SETUP)
})

afterAll(() => shop?.[Symbol.asyncDispose]())

/** Whether the change, which is undone, drifts the plan of the query. */
async function drifts(sql: string, change: string): Promise<boolean> {
  const plan = await shop.plan(sql, { dependsOn: sql.includes('opaque') ? ['orders'] : [] })
  expect(await driftedPlans(shop.client, [plan])).toEqual([])
  await shop.client.query('begin')
  try {
    await shop.client.query(change)
    return (await driftedPlans(shop.client, [plan])).includes(plan)
  } finally {
    await shop.client.query('rollback')
  }
}

test.each([
  ['select id from orders', 'alter table orders add column extra int'],
  ['select id from orders', 'alter table orders drop column note'],
  ['select id from orders', 'alter table orders rename column note to notes'],
  ['select id from orders', 'alter table orders alter column note type varchar(10)'],
  ['select id from orders', 'alter table orders alter column note type text using upper(note)'],
  ['select id from orders', 'alter table orders rename to purchases'],
  ['select id from orders', 'alter table orders set schema audit'],
  ['select id from orders', 'drop table orders cascade'],
  ['select id from orders', 'drop table orders cascade; create table orders (id int)'],
  ['select id from orders', 'create schema elsewhere; create table elsewhere.orders (id int)'],
  ['select id from orders', 'alter table orders enable row level security'],
  ['select id from orders', 'grant select on orders to public'],
  ['select id from orders', 'grant select (id) on orders to public'],
  ['select id from moods', `alter type mood rename value 'good' to 'fine'`],
  ['select id from moods', `alter type mood add value 'bad' before 'good'`],
  ['select id from totals', 'create or replace view totals as select id, total from orders where total > 1'],
  ['select id from totals', 'alter table orders add column extra int'],
  ['select id from documents', 'create policy other on documents using (true)'],
  ['select id from documents', 'alter policy own on documents using (org_id = 2)'],
  ['select id from documents', 'drop policy own on documents'],
  ['select id from documents', 'alter table documents disable row level security'],
  [
    'select id from events',
    `create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01')`,
  ],
  [
    'select id from events',
    `alter table events attach partition detached for values from ('2025-01-01') to ('2026-01-01')`,
  ],
  ['select id from events', 'alter table events detach partition events_2024'],
  [
    'select id from events',
    `alter table events detach partition events_2024;
      alter table events attach partition events_2024 for values from ('2024-01-01') to ('2025-01-01')`,
  ],
  ['select id from events', 'create table sub (id int, at date not null) inherits (detached); drop table events_2024'],
  ['select id from animals', 'create table cats () inherits (animals)'],
  ['select id from animals', 'create table puppies () inherits (dogs)'],
  ['select id from animals', 'alter table dogs no inherit animals'],
  ['select id from dogs', 'create table cats () inherits (animals)'],
  [
    'select counted()',
    'create or replace function counted() returns bigint stable begin atomic select count(*) from orders; end',
  ],
  [
    'select counted()',
    'create or replace function counted() returns bigint stable language sql as $$select 1::bigint$$',
  ],
  ['select counted()', 'alter table items rename column quantity to amount'],
  ['select opaque()', 'create or replace function opaque() returns int stable language sql as $$select 2$$'],
])('%s: drifts with %s', async (sql, change) => {
  expect(await drifts(sql, change)).toBe(true)
})

test.each([
  'insert into orders values (1, 1, $$a$$, 1, null, now())',
  'create index on orders (status)',
  'alter table items add column extra int',
  'create table unrelated (id int)',
  'analyze orders',
  'create trigger t before update on orders for each row execute function suppress_redundant_updates_trigger()',
])('what the plan does not assume does not drift it: %s', async (change) => {
  expect(await drifts('select id from orders', change)).toBe(false)
})

test('roles that the query runs as drift the plan, others do not', async () => {
  const name = `fingerprint_${process.pid}`
  const { client } = shop
  await client.query(
    `create role ${name}; create role ${name}_group; create role ${name}_other; grant select on orders to ${name}`,
  )
  try {
    const plan = await shop.plan('select id from orders', { scope: { role: name } })
    const drifted: string[] = []
    for (const change of [
      `grant ${name}_group to ${name}_other`,
      `grant ${name}_group to ${name}`,
      `alter role ${name} bypassrls`,
      `alter role ${name} noinherit`,
    ]) {
      await client.query(`begin; ${change}`)
      if ((await driftedPlans(client, [plan])).length > 0) drifted.push(change.replaceAll(name, 'x'))
      await client.query('rollback')
    }
    expect(drifted).toEqual(['grant x_group to x', 'alter role x bypassrls', 'alter role x noinherit'])
  } finally {
    await client.query(`drop owned by ${name}; drop role ${name}, ${name}_group, ${name}_other`)
  }
})

test('another expression of a generated column drifts the plan', async () => {
  const { rows } = await shop.client.query<{ version: number }>(
    `select current_setting('server_version_num')::int as version`,
  )
  // Before 17 the column must be dropped and added, and drifts the plan as another column.
  const change =
    (rows[0]?.version ?? 0) >= 170000
      ? 'alter table priced alter column gross set expression as (net * 3)'
      : 'alter table priced drop column gross; alter table priced add column gross int generated always as (net * 3) stored'
  expect(await drifts('select gross from priced', change)).toBe(true)
})

test('one statement finds the drifted ones among many plans', async () => {
  const plans = []
  for (const table of ['orders', 'items', 'users', 'totals', 'events', 'audit.entries']) {
    plans.push(await shop.plan(`select id from ${table}`))
  }
  const { client } = shop
  const query = vi.spyOn(client, 'query')
  await client.query('begin; alter table orders add column extra int; alter table audit.entries add column extra int')
  query.mockClear()
  const drifted = await driftedPlans(client, plans)
  expect(query).toHaveBeenCalledTimes(1)
  query.mockRestore()
  await client.query('rollback')
  expect(drifted.map(({ sql }) => sql)).toEqual(
    ['orders', 'totals', 'audit.entries'].map((table) => `select id from ${table}`),
  )
})

test('a schema that changes back is known to have been another one', async () => {
  const plan = await shop.plan('select id from orders')
  await shop.client.query('alter table orders rename column note to notes')
  expect(await driftedPlans(shop.client, [plan])).toEqual([plan])
  await shop.client.query('alter table orders rename column notes to note')
  expect(await driftedPlans(shop.client, [plan])).toEqual([plan])
  expect(await driftedPlans(shop.client, [await shop.plan('select id from orders')])).toEqual([])
})

test('no plans have not drifted', async () => {
  expect(await driftedPlans(shop.client, [])).toEqual([])
})
