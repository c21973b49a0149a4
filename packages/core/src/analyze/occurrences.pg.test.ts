import { CamelCasePlugin, sql, WithSchemaPlugin } from 'kysely'
import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { analyze } from './analyze.js'
import { openAnalysisShop, planOf, tablesOf, type AnalysisShop } from './analyze.fixture.js'
import { compileOnly } from './ast/kysely.fixture.js'
import type { Plan } from './plan.js'

const db = compileOnly()
let shop: AnalysisShop
let version: number

beforeAll(async () => {
  shop = await openAnalysisShop(`
create view totals as select id, total from orders;
create function item_count() returns bigint begin atomic select count(*) from items; end;
create table memberships (user_id int);
create table documents (id int, org_id int); alter table documents enable row level security;
create policy own on documents using (exists (select from memberships));
create table events (id int, kind text) partition by list (kind);
create table events_a partition of events for values in ('a');
create foreign data wrapper nowhere; create server nowhere foreign data wrapper nowhere;
create foreign table events_b partition of events for values in ('b') server nowhere;
create function opaque() returns int stable language sql as 'select 1';`)
  const { rows } = await shop.client.query<{ version: number }>(
    `select current_setting('server_version_num')::int as version`,
  )
  version = rows[0]?.version ?? 0
})

afterAll(() => shop?.[Symbol.asyncDispose]())

const untyped = (table: string): ReturnType<typeof db.selectFrom<'orders'>> => db.selectFrom(table as 'orders')

/** Occurrences as `orders as o: conditions, or the reason why there are none`. */
function occurrences(plan: Plan): string[] {
  return plan.occurrences.map(({ alias, table, conditions, reason }) => {
    const conditional = conditions.map(({ column, operator }) => `${column} ${operator}`).join(', ')
    return `${table === alias ? table : `${table} as ${alias}`}: ${reason ?? conditional}`
  })
}

test.each([
  ['an order that PostgreSQL knows', ' order by id', true],
  ['no known order', '', undefined],
])('raw SQL has no occurrences, and %s', async (_, end, ordered) => {
  const text = `select id from orders where status = $1${end}`
  const input = { sql: text, node: undefined, scope: {}, dependsOn: [], acceptsTime: false }
  expect(await analyze(shop.client, input)).toMatchObject({ occurrences: [], ordered, disagreements: [] })
})

test('whether the query has an ORDER BY at its top', async () => {
  const query = db.selectFrom('orders').select('id')
  expect((await shop.plan(query)).ordered).toBe(false)
  expect((await shop.plan(query.orderBy('id'))).ordered).toBe(true)
  expect((await shop.plan(db.selectFrom(query.orderBy('id').as('o')).select('id'))).ordered).toBe(false)
})

test('a table that only raw SQL shows has an occurrence without conditions, and is told as a disagreement', async () => {
  const plan = await shop.plan(
    db
      .selectFrom('orders')
      .select('id')
      .where('status', '=', 'a')
      .where(sql<boolean>`exists (select from items) and total > (select avg(o.total) from orders o)`),
  )
  expect(occurrences(plan)).toEqual(['orders: status =', 'orders: it stands in raw SQL', 'items: it stands in raw SQL'])
  expect(plan.disagreements).toEqual([
    'PostgreSQL sees orders in the query where the Kysely tree shows only raw SQL',
    'PostgreSQL sees items in the query where the Kysely tree shows only raw SQL',
  ])
})

test('a table that only the tree shows counts, and is told as a disagreement', async () => {
  const other = db.selectFrom('items').select('id').where('quantity', '=', 1).compile()
  const plan = await analyze(shop.client, {
    sql: 'select id from orders',
    node: other.query,
    scope: {},
    dependsOn: [],
    acceptsTime: false,
  })
  expect(tablesOf(plan)).toEqual({ items: 'all', orders: ['id'] })
  expect(plan.disagreements).toContain('The Kysely tree names items, which PostgreSQL does not see in the query')
  expect(plan.occurrences.every(({ conditions }) => conditions.length === 0)).toBe(true)
})

test('a table that the query reaches otherwise has an occurrence without conditions that says how', async () => {
  const plan = await shop.plan(
    db
      .selectFrom(['orders as o', 'totals as t' as 'orders as t', 'documents as d' as 'orders as d'])
      .select(['o.id', sql`item_count()`.as('n'), sql`opaque()`.as('x')])
      .where('o.status', '=', 'a'),
    { dependsOn: ['users'] },
  )
  expect(occurrences(plan).toSorted()).toEqual([
    'documents as d: no condition compares it with a value',
    'items: it is read by the function public.item_count()',
    'memberships: it is read by a row security policy of documents',
    'orders as o: status =',
    'orders: it is read through the view totals',
    'users: it is declared by dependsOn',
  ])
})

test('columns of an occurrence: those that the tree shows there, where there are several', async () => {
  const query = db.selectFrom('categories as a').innerJoin('categories as b', 'b.id', 'a.parent_id').select('a.name')
  const plan = await shop.plan(query)
  expect(plan.occurrences.map(({ columns }) => columns.toSorted())).toEqual([['name', 'parent_id'], ['id']])
  const withRaw = await shop.plan(query.where(sql<boolean>`b.name = 'x'`))
  expect(withRaw.occurrences.map(({ columns }) => columns.toSorted())).toEqual([
    ['id', 'name', 'parent_id'],
    ['id', 'name', 'parent_id'],
  ])
})

test('columns that the tree does not explain count for every occurrence', async () => {
  await shop.client
    .query(`create table notes (id int, parent_id int, org_id int); alter table notes enable row level security;
    create policy own on notes using (org_id = 1)`)
  const query = untyped('notes as a')
    .innerJoin('notes as b' as 'orders as b', (join) => join.on(sql.ref('b.id'), '=', sql.ref('a.parent_id')))
    .select(sql.ref('a.id').as('id'))
  const plan = await shop.plan(query)
  expect(plan.occurrences.map(({ columns }) => columns.toSorted())).toEqual([
    ['id', 'org_id', 'parent_id'],
    ['id', 'org_id'],
  ])
})

test('columns that decide which rows a role sees count for every occurrence, whichever of them names them', async () => {
  await shop.client
    .query(`create table docs (id int, parent_id int, kind text, owner text, title text); alter table docs enable row level security;
    create policy own on docs using (owner = current_setting('app.user'))`)
  const query = untyped('docs as p')
    .leftJoin('docs as c' as 'orders as c', (join) => join.on(sql.ref('c.parent_id'), '=', sql.ref('p.id')))
    .select([sql.ref('p.owner').as('owner'), sql.ref('c.title').as('title')])
    .where(sql.ref('p.kind'), '=', 'root')
  const plan = await shop.plan(query)
  expect(plan.occurrences.map(({ alias, columns }) => [alias, columns.toSorted()])).toEqual([
    ['p', ['id', 'kind', 'owner']],
    ['c', ['owner', 'parent_id', 'title']],
  ])
})

test('what a virtual column is computed from counts where it stands, whoever else names it', async () => {
  if (version < 180000) return
  await shop.client.query(
    `create table sums (id int, parent_id int, a int, total int generated always as (a + 1) virtual)`,
  )
  const query = untyped('sums as p')
    .innerJoin('sums as c' as 'orders as c', (join) => join.on(sql.ref('c.parent_id'), '=', sql.ref('p.id')))
    .select([sql.ref('p.a').as('a'), sql.ref('c.total').as('total')])
  const plan = await shop.plan(query)
  expect(plan.occurrences.map(({ columns }) => columns.toSorted())).toEqual([
    ['a', 'id'],
    ['a', 'parent_id', 'total'],
  ])
})

test('plugins: the tree is the one after them', async () => {
  const camel = compileOnly([new CamelCasePlugin()])
  const query = camel
    .selectFrom('orders' as never)
    .select('placedAt' as never)
    .where('userId' as never, '=', 1 as never)
  const plan = await shop.plan(query)
  expect(tablesOf(plan)).toEqual({ orders: ['placed_at', 'user_id'] })
  expect(occurrences(plan)).toEqual(['orders: user_id ='])
  const schema = compileOnly([new WithSchemaPlugin('audit')])
  const entries = schema
    .selectFrom('entries' as 'orders')
    .select('id')
    .where('message' as 'status', '=', 'x')
  const inSchema = await shop.plan(entries)
  expect(tablesOf(inSchema)).toEqual({ 'audit.entries': ['id', 'message'] })
  expect(occurrences(inSchema)).toEqual(['audit.entries as entries: message ='])
})

test('one name in two schemas is two tables', async () => {
  const client = await shop.database.connect()
  await client.query('create schema archive; create table archive.orders (id int, status text)')
  const query = db
    .selectFrom('orders')
    .innerJoin('archive.orders as old' as 'orders as old', 'old.id', 'orders.id')
    .select('orders.id')
    .where('old.status', '=', 'a')
    .where('orders.note', '=', 'b')
  expect(occurrences(await shop.plan(query))).toEqual(['orders: note =', 'archive.orders as old: status ='])
  const settings = { search_path: 'archive, public' }
  const unqualified = db.selectFrom('orders').select('id').where('status', '=', 'a')
  expect(occurrences(await shop.plan(unqualified, { scope: { settings } }))).toEqual([
    'archive.orders as orders: status =',
  ])
  await client.query('drop schema archive cascade')
})

test('names longer than 63 bytes are cut off as PostgreSQL does', async () => {
  const long = 'ä'.repeat(40)
  await shop.client.query(`create table "${long}" ("x${long}" int)`)
  const query = untyped(`${long} as a${long}`)
    .select(`a${long}.x${long}` as 'id')
    .where(`x${long}` as 'id', '=', 1)
  const plan = await shop.plan(query)
  expect(tablesOf(plan)).toEqual({ ['ä'.repeat(31)]: [`x${'ä'.repeat(31)}`] })
  expect(plan.occurrences).toMatchObject([{ conditions: [{ column: `x${'ä'.repeat(31)}` }] }])
  expect(plan.disagreements).toEqual([])
})

test('a virtual generated column means the columns that it is computed from, and no condition', async () => {
  if (version < 180000) return
  await shop.client.query(
    `create table priced (id int, net numeric, tax numeric, gross numeric generated always as (net + tax) virtual)`,
  )
  const plan = await shop.plan(
    untyped('priced')
      .select('id')
      .where('gross' as 'total', '>', '1'),
  )
  expect(tablesOf(plan)).toEqual({ priced: ['gross', 'id', 'net', 'tax'] })
  expect(plan.occurrences).toMatchObject([{ conditions: [], reason: expect.stringContaining('virtual') as string }])
})

test('a stored generated column is a column like any other', async () => {
  await shop.client.query(
    `create table stored (id int, net numeric, gross numeric generated always as (net * 2) stored)`,
  )
  const plan = await shop.plan(
    untyped('stored')
      .select('id')
      .where('gross' as 'total', '>', '1'),
  )
  expect(tablesOf(plan)).toEqual({ stored: ['gross', 'id'] })
  expect(occurrences(plan)).toEqual(['stored: gross >'])
})

test('a foreign partition cannot be watched, and is no part of the family', async () => {
  const query = untyped('events').select('id')
  await expect(shop.plan(query)).rejects.toThrow(/events_b/)
  const plan = await shop.plan(query, { acceptsTime: true })
  expect(plan.unwatchable).toEqual(['events_b'])
  expect(plan.tables[0]?.family).toHaveLength(2)
})

test('a temporary table cannot be watched', async () => {
  const client = await shop.database.connect()
  await client.query('create temp table scratch (id int)')
  await expect(planOf(client, 'select id from scratch')).rejects.toThrow(/scratch/)
})

test('a table that is created while the query is analyzed is found', async () => {
  const other = await shop.database.connect()
  const client = await shop.database.connect()
  let isCreated = false
  const interrupted = new Proxy(client, {
    get(target, property) {
      if (property !== 'query') return Reflect.get(target, property) as unknown
      return async (...query: Parameters<Client['query']>): Promise<unknown> => {
        const [first] = query as unknown as [string | { readonly text: string }]
        const text = typeof first === 'string' ? first : first.text
        if (text.startsWith('PREPARE') && !isCreated) {
          isCreated = true
          await other.query('create table late (id int)')
        }
        return target.query(...query)
      }
    },
  })
  expect(tablesOf(await planOf(interrupted, 'select id from late'))).toEqual({ late: ['id'] })
})

test('a session that only reads by default is no obstacle', async () => {
  const client = await shop.database.connect()
  await client.query('set default_transaction_read_only = on; set default_transaction_isolation = serializable')
  await expect(planOf(client, 'select id from orders')).resolves.toBeDefined()
})

test('type parsers of the application do not matter', async () => {
  const client = await shop.database.connect()
  const strange = () => () => ({ strange: true })
  const plain = await planOf(client, 'select id from orders where total > $1')
  client.setTypeParser(114, strange())
  client.setTypeParser(25, strange())
  expect(await planOf(client, 'select id from orders where total > $1')).toEqual(plain)
})

test('a condition list of thousands, and thousands of conditions', async () => {
  const ids = Array.from({ length: 5000 }, (_, index) => index)
  const plan = await shop.plan(db.selectFrom('orders').select('id').where('id', 'in', ids))
  expect(plan.parameterTypes).toHaveLength(5000)
  expect(plan.occurrences[0]?.conditions[0]?.operands).toHaveLength(5000)
  let query = db.selectFrom('orders').select('id')
  for (let index = 0; index < 500; index++) query = query.where('total', '>', String(index))
  expect((await shop.plan(query)).occurrences[0]?.conditions).toHaveLength(500)
})
