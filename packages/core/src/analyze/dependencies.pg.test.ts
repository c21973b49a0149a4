import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAnalysisShop, tablesOf, type AnalysisShop } from './analyze.fixture.js'

let shop: AnalysisShop

beforeAll(async () => {
  shop = await openAnalysisShop(`
create view order_totals as select o.id, o.total, i.quantity from orders o join items i on i.order_id = o.id;
create view views_of_views as select id from order_totals where total > 1;
create view whole_rows as select to_jsonb(o) as row from orders o;
create materialized view best as select id from products;
create sequence counter;
create table "we""ird; drop table x;--" (id int, "MiXed cOl" int);
create table "Ünïcode_und_ein_sehr_langer_name_der_genau_so_lang_ist_63_b" (id int);
create schema mypublic;
create table mypublic.entries (id int);
create table "Mixed" ("Id" int, "the Name" text);
create table events (id int, at date not null, kind text) partition by range (at);
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01') partition by list (kind);
create table events_2024_a partition of events_2024 for values in ('a');
create table animals (id int, name text);
create table dogs (barks boolean) inherits (animals);
create table puppies () inherits (dogs);
create domain positive as int check (value > 0);
create domain very_positive as positive;
create table lengths (id int, c char(3), b bit(3), v varchar(3), n numeric(10, 2));
create type mood as enum ('sad', 'happy');
create table typed (a very_positive, b mood, c text[], d numeric(10, 2), e very_positive[]);
create function count_items(of_order int) returns bigint begin atomic select count(*) from items where order_id = of_order; end;
create function nested(of_order int) returns bigint stable return count_items(of_order) + 1;
create function whole_function() returns setof jsonb begin atomic select to_jsonb(p) from products p; end;
create function with_default(a bigint default count_items(1)) returns bigint stable return a;
create function plus_items(int, int) returns bigint stable begin atomic select $1 + count(*) from items where quantity = $2; end;
create operator @#@ (leftarg = int, rightarg = int, function = plus_items);
create function add_item(state bigint, value int) returns bigint stable begin atomic select state + count(*) from items where id = value; end;
create aggregate sum_items(int) (sfunc = add_item, stype = bigint, initcond = '0');
create function recursive(n int) returns bigint stable return n;
create or replace function recursive(n int) returns bigint stable
  begin atomic select case when n > 0 then recursive(n - 1) else count(*) end from categories; end;
create table memberships (user_id int, org_id int);
create table documents (id int, org_id int, body text);
alter table documents enable row level security;
create policy read_documents on documents for select
  using (org_id in (select m.org_id from memberships m where m.user_id = current_setting('app.user_id')::int));
create policy write_documents on documents for insert with check (exists (select from categories));
create policy change_documents on documents for update using (exists (select from products));
create view document_view as select id from documents;
create table secrets (id int, body text);
alter table secrets enable row level security;
create function whole_secret(secrets) returns boolean immutable language sql as 'select true';
create policy read_secrets on secrets using (whole_secret(secrets));
`)
})

afterAll(() => shop?.[Symbol.asyncDispose]())

test.each<[string, Record<string, readonly string[] | 'all'>]>([
  ['select id from orders where status = $1', { orders: ['id', 'status'] }],
  ['select 1', {}],
  ['select', {}],
  ['select null', {}],
  ['values (1), (2)', {}],
  ['table categories', { categories: ['id', 'name', 'parent_id'] }],
  ['(select id from orders)', { orders: ['id'] }],
  ['select count(*) from orders', { orders: [] }],
  ['select exists (select 1 from orders)', { orders: [] }],
  [
    'select o.id from orders o join items i on i.order_id = o.id order by i.quantity',
    { items: ['order_id', 'quantity'], orders: ['id'] },
  ],
  [
    'select id from orders union select id from items where quantity > 1',
    { items: ['id', 'quantity'], orders: ['id'] },
  ],
  [
    'with x as (select * from orders) select count(*) from x',
    { orders: ['id', 'note', 'placed_at', 'status', 'total', 'user_id'] },
  ],
  [
    'with recursive t as (select id from categories union select c.id from categories c join t on c.parent_id = t.id) select * from t',
    { categories: ['id', 'parent_id'] },
  ],
  [
    'select u.name, x.n from users u cross join lateral (select count(*) n from orders where user_id = u.id) x',
    { orders: ['user_id'], users: ['id', 'name'] },
  ],
  [
    'select o.*, e from orders o natural join audit.entries e',
    { 'audit.entries': 'all', orders: ['id', 'note', 'placed_at', 'status', 'total', 'user_id'] },
  ],
  ['select id from orders where false', { orders: ['id'] }],
  ['select id from orders limit 0', { orders: ['id'] }],
  ['select note from orders group by id', { orders: ['id', 'note'] }],
  [
    'select sum(total) filter (where status = $1) over (partition by user_id) from orders',
    { orders: ['status', 'total', 'user_id'] },
  ],
  [
    "select * from json_table($1::jsonb, '$[*]' columns (id int path '$')) j join users u on u.id = j.id",
    { users: ['email', 'id', 'name', 'org_id'] },
  ],
])('tables and columns of: %s', async (sql, expected) => {
  const version = await shop.client.query<{ server_version_num: string }>('show server_version_num')
  if (sql.includes('json_table') && Number(version.rows[0]?.server_version_num) < 170000) return
  expect(tablesOf(await shop.plan(sql))).toEqual(expected)
})

test('parity 17: joins, subqueries, schema-qualified names, parameters in IN and COALESCE', async () => {
  const plan = await shop.plan(`
    select o.id, coalesce(o.note, $1), (select count(*) from public.items i where i.order_id = o.id)
    from orders o left join audit.entries e on e.order_id = o.id
    where o.status in ($2, $3) and o.user_id in (select id from users where org_id = $4)`)
  expect(plan.parameterTypes).toEqual(['text', 'text', 'text', 'integer'])
  expect(tablesOf(plan)).toEqual({
    'audit.entries': ['order_id'],
    items: ['order_id'],
    orders: ['id', 'note', 'status', 'user_id'],
    users: ['id', 'org_id'],
  })
})

test('parity 18: select * tracks all columns', async () => {
  expect(tablesOf(await shop.plan('select * from users'))).toEqual({ users: ['email', 'id', 'name', 'org_id'] })
})

test('parity 19: a table of public goes by its name, another by schema and name', async () => {
  const plan = await shop.plan('select public.orders.id from public.orders, audit.entries, mypublic.entries m')
  expect(plan.tables.map(({ schema, name, label }) => `${schema} ${name} ${label}`).toSorted()).toEqual([
    'audit entries audit.entries',
    'mypublic entries mypublic.entries',
    'public orders orders',
  ])
})

test('fault 12: views, mixed names, duplicate output columns, a sum of parameters, a schema named mypublic', async () => {
  expect(tablesOf(await shop.plan('select * from views_of_views'))).toEqual({
    items: ['order_id', 'quantity'],
    orders: ['id', 'total'],
  })
  expect(tablesOf(await shop.plan('select "Id" from "Mixed" where "the Name" = $1'))).toEqual({
    Mixed: ['Id', 'the Name'],
  })
  expect(tablesOf(await shop.plan('select id, id, id as x, id as x from orders'))).toEqual({ orders: ['id'] })
  expect((await shop.plan('select $1::int + $2')).parameterTypes).toEqual(['integer', 'integer'])
  expect(tablesOf(await shop.plan('select id from mypublic.entries'))).toEqual({ 'mypublic.entries': ['id'] })
})

test('names with quotes, statements and 63 bytes are names', async () => {
  expect(tablesOf(await shop.plan('select "MiXed cOl" from "we""ird; drop table x;--"'))).toEqual({
    'we"ird; drop table x;--': ['MiXed cOl'],
  })
  const long = 'Ünïcode_und_ein_sehr_langer_name_der_genau_so_lang_ist_63_b'
  expect(tablesOf(await shop.plan(`select id as "} {RTE :rtekind 0 :relid 1" from "${long}" as ":relid"`))).toEqual({
    [long]: ['id'],
  })
})

test.each(['select 1;', 'select 1 ; ;', 'select 1 -- and so on', 'select 1 /* ; */', 'select 1;\n-- done\n'])(
  'what trails the query does not matter: %j',
  async (sql) => {
    await expect(shop.plan(sql)).resolves.toMatchObject({ tables: [] })
  },
)

test.each([
  ['to_jsonb', 'select to_jsonb(u) from users u', { users: 'all' }],
  ['row_to_json in a subquery', 'select (select row_to_json(u)) from users u', { users: 'all' }],
  ['the row itself', 'select u from users u', { users: 'all' }],
  ['count of rows', 'select count(u) from users u', { users: 'all' }],
  ['is null', 'select id from users u where u.* is null', { users: 'all' }],
  ['a row compared', 'select a.id from users a, users b where a = b', { users: 'all' }],
  ['a join', 'select j from (users u join orders o on o.user_id = u.id) j', { orders: 'all', users: 'all' }],
  ['one field of it', 'select (u).name from users u', { users: ['name'] }],
  ['a subquery', 'select s from (select id, name from users) s', { users: ['id', 'name'] }],
  ['a CTE', 'with s as (select id from users) select to_jsonb(s) from s', { users: ['id'] }],
  ['a subquery of *', 'select s from (select * from users) s', { users: ['email', 'id', 'name', 'org_id'] }],
  ['a view', 'select v from order_totals v', { items: ['order_id', 'quantity'], orders: ['id', 'total'] }],
  ['a row within a view', 'select * from whole_rows', { orders: 'all' }],
  ['values', 'select v from (values (1)) v', {}],
  ['a function', 'select f from generate_series(1, 2) f', {}],
  [
    'a whole row in a correlated subquery two levels down',
    'select (select (select to_jsonb(u) from orders limit 1) from items limit 1) from users u',
    { items: [], orders: [], users: 'all' },
  ],
])('a whole row means every column: %s', async (_, sql, expected) => {
  expect(tablesOf(await shop.plan(sql))).toEqual(expected)
})

test('system columns mean every column, but for the tableoid of a table without partitions', async () => {
  expect(tablesOf(await shop.plan('select xmin, ctid from users'))).toEqual({ users: 'all' })
  expect(tablesOf(await shop.plan('select tableoid from users'))).toEqual({ users: [] })
  // An UPDATE of the key moves a row to another one.
  expect(tablesOf(await shop.plan('select tableoid from events'))).toMatchObject({ events: 'all' })
})

test('a table that is only mentioned counts, without columns', async () => {
  expect(tablesOf(await shop.plan(`select id from orders where tableoid = 'users'::regclass`))).toEqual({
    orders: ['id'],
    users: [],
  })
  expect(tablesOf(await shop.plan(`select id from orders where id = 'best'::regclass::int`))).toEqual({
    orders: ['id'],
  })
})

test('partitions and children belong to their parent, parents to their children', async () => {
  const oid = async (name: string): Promise<number> =>
    (await shop.client.query<{ oid: number }>('select $1::regclass::oid as oid', [name])).rows[0]?.oid ?? 0
  const [parent, middle, leaf] = [await oid('events'), await oid('events_2024'), await oid('events_2024_a')]
  const [of] = (await shop.plan('select id from events')).tables
  expect(of).toMatchObject({ label: 'events', relation: parent, ancestors: [] })
  expect(new Set(of?.family)).toEqual(new Set([parent, middle, leaf]))
  const [ofLeaf] = (await shop.plan('select id from events_2024_a')).tables
  expect(ofLeaf).toMatchObject({ label: 'events_2024_a', relation: leaf })
  expect(new Set(ofLeaf?.family)).toEqual(new Set([parent, middle, leaf]))
  expect(new Set(ofLeaf?.ancestors)).toEqual(new Set([parent, middle]))
  const [ofDogs] = (await shop.plan('select id from dogs')).tables
  expect(new Set(ofDogs?.family)).toEqual(new Set([await oid('animals'), await oid('dogs'), await oid('puppies')]))
})

test('column types are those of results', async () => {
  const [table] = (await shop.plan('select a from typed')).tables
  const { rows } = await shop.client.query<{ oid: number }>(
    `select unnest(array['mood', '_very_positive']::regtype[])::oid as oid`,
  )
  const [mood, array] = rows.map(({ oid }) => oid)
  expect(table?.columnTypes).toEqual({ a: 23, b: mood, c: 1009, d: 1700, e: array })
})

test('parameter types carry their schema where it is not pg_catalog', async () => {
  const plan = await shop.plan(
    'select b from typed where b = $1 and c = $2 and d > $3 and a = $4 and b = any($5) and $6::text is null',
  )
  expect(plan.parameterTypes).toEqual(['public.mood', 'text[]', 'numeric', 'integer', 'public.mood[]', 'text'])
})

test('parameter types stand for values of any length', async () => {
  const plan = await shop.plan('select id from lengths where c = $1 and b = $2 and v = $3 and n = $4')
  expect(plan.parameterTypes).toEqual(['bpchar', '"bit"', 'text', 'numeric'])
})

test('more parameters than a function can have', async () => {
  const list = Array.from({ length: 150 }, (_, index) => `$${index + 1}`).join(', ')
  const plan = await shop.plan(
    `select id, '$1', "a$1".status -- $2\n from orders "a$1" where id in (${list}) and status = $151 and $152::mood = 'sad' limit $153`,
  )
  expect(plan.parameterTypes).toHaveLength(153)
  expect(plan.parameterTypes.slice(149)).toEqual(['integer', 'text', 'public.mood', 'bigint'])
  expect(tablesOf(plan)).toEqual({ orders: ['id', 'status'] })
})

test('a parameter of a type that functions cannot take', async () => {
  expect(tablesOf(await shop.plan('select id from orders where row(id, user_id) = $1'))).toEqual({
    orders: ['id', 'user_id'],
  })
})

test('1,600 columns', async () => {
  const columns = Array.from({ length: 1600 }, (_, index) => `c${index} boolean`).join(', ')
  await shop.client.query(`create table wide (${columns})`)
  const [table] = (await shop.plan('select * from wide')).tables
  expect(table?.columns).toHaveProperty('size', 1600)
})

test.each<[string, string, Record<string, readonly string[] | 'all'>]>([
  ['in the select list', 'select count_items(1)', { items: ['order_id'] }],
  ['in FROM', 'select * from count_items(1)', { items: ['order_id'] }],
  ['called by another', 'select nested(id) from orders', { items: ['order_id'], orders: ['id'] }],
  ['that calls itself', 'select recursive(3)', { categories: [] }],
  ['that takes a whole row', 'select * from whole_function()', { products: 'all' }],
  ['in the default of an argument', 'select with_default()', { items: ['order_id'] }],
  ['behind an operator', 'select 1 @#@ 2', { items: ['quantity'] }],
  ['behind an aggregate as a window function', 'select sum_items(1) over ()', { items: ['id'] }],
  ['behind an aggregate', 'select sum_items(id) from users', { items: ['id'], users: ['id'] }],
])('a function with a parsed body %s is followed', async (_, sql, expected) => {
  const plan = await shop.plan(sql)
  expect(tablesOf(plan)).toEqual(expected)
  expect(plan.timeDependent).toEqual([])
})

test('tables of row security policies count, and so do the columns that policies compare', async () => {
  const expected = { documents: ['id', 'org_id'], memberships: ['org_id', 'user_id'] }
  expect(tablesOf(await shop.plan('select id from documents'))).toMatchObject(expected)
  expect(tablesOf(await shop.plan('select id from document_view'))).toMatchObject(expected)
  expect(tablesOf(await shop.plan('select id from secrets'))).toEqual({ secrets: 'all' })
})

test('policies for writes do not count', async () => {
  expect(Object.keys(tablesOf(await shop.plan('select id from documents')))).toEqual(['documents', 'memberships'])
})
