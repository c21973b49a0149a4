/** Which queries may be read again in part, and by which columns. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAnalysisShop, type AnalysisShop } from './analyze.fixture.js'

let shop: AnalysisShop
beforeAll(async () => {
  shop = await openAnalysisShop(`
    create table lines (order_id int, line_no int, note text, primary key (order_id, line_no) include (note));
    create table times (at timestamptz primary key);
    create table words (word text collate "C" primary key, "a Column\\{" int);
    create collation loose (provider = icu, locale = 'und', deterministic = false);
    create table loose_words (word text collate loose primary key);
    create table parents (id int primary key);
    create table children () inherits (parents);
    alter table children add primary key (id);
    create view seen_users as select id, name from users;`)
})
afterAll(() => shop[Symbol.asyncDispose]())

/** `{ orders: ['id'] }`, and the ORDER BY. */
async function rereadOf(sql: string) {
  const plan = await shop.plan(sql)
  const label = (relation: number) => plan.tables.find((table) => table.relation === relation)!.label
  if (!plan.reread) return undefined
  const keys = plan.reread.tables.map(({ relation, key }) => [label(relation), key.map((k) => `${k.output} ${k.name}`)])
  const order = plan.reread.order.map(
    ({ output, descending, nullsFirst }) => `${output}${descending ? ' desc' : ''}${nullsFirst ? ' nulls first' : ''}`,
  )
  return { ...(Object.fromEntries(keys) as object), order }
}

test.each<[string, object]>([
  ['select * from users order by id', { users: ['0 id'], order: ['0'] }],
  [
    'select name, id as "The { Id" from users u where u.name = $1 order by u.id desc',
    { users: ['1 The { Id'], order: ['1 desc nulls first'] },
  ],
  [
    'select o.id, u.id as user_id, status from orders o join users u on u.id = o.user_id order by o.placed_at, o.id, o.placed_at, status',
    undefined as never,
  ],
  [
    'select o.id, u.id as user_id, o.total from orders o join users u on u.id = o.user_id order by total nulls first, o.id',
    { orders: ['0 id'], users: ['1 user_id'], order: ['2 nulls first', '0'] },
  ],
  [
    'select o.id, u.id as u from orders o left join users u on u.id = o.user_id order by o.id',
    { orders: ['0 id'], order: ['0'] },
  ],
  [
    'select o.id, u.id as u from orders o right join users u on u.id = o.user_id order by u.id',
    { users: ['1 u'], order: ['1'] },
  ],
  [
    'select l.* from lines l, orders o where o.id = l.order_id order by 1, 2',
    { lines: ['0 order_id', '1 line_no'], order: ['0', '1'] },
  ],
  [
    'with x as (select * from users) select o.id from orders o join x on x.id = user_id order by 1',
    { orders: ['0 id'], order: ['0'] },
  ],
  [
    'select id, (select count(*) from items i where i.order_id = o.id) from orders o order by id',
    { orders: ['0 id'], order: ['0'] },
  ],
  ['select word, "a Column\\{" from words order by word', { words: ['0 word'], order: ['0'] }],
])('%s', async (sql, reread) => {
  expect(await rereadOf(sql)).toEqual(reread)
})

test.each([
  'select id from users',
  'select name from users order by name',
  'select distinct id from users order by id',
  'select distinct on (id) id from users order by id',
  'select id from users order by id limit 3',
  'select id from users order by id offset 3',
  'select id from users order by id fetch first 3 rows with ties',
  'select id, count(*) from users group by id order by id',
  'select id, row_number() over () from users order by id',
  'select id from users union all select id from orders order by id',
  'select id, generate_series(1, 2) from users order by id',
  'select id, random() from users order by id',
  'select id, now() from users order by id',
  'select id, xmin from users order by id',
  'select id from users order by lower(name), id',
  'select id from users order by name',
  'select id from users u tablesample system (50) repeatable (1) order by id',
  'select id from users u where exists (select from users v where v.id > u.id) order by id',
  'select a.id, b.id as other from users a join users b on a.org_id = b.org_id order by 1, 2',
  'select o.id as id, u.id as id from orders o full join users u on u.id = o.user_id order by 1',
  'select id, org_id as id from users order by users.id',
  'select id + 0 as id from users order by id',
  'select at from times order by at',
  'select word from loose_words order by word',
  'select line_no from lines order by line_no',
  'select id from seen_users order by id',
  'select id from children order by id',
  'select id from (select id from users) u order by id',
  'with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select id from users, r order by id',
])('not in part: %s', async (sql) => {
  expect((await shop.plan(sql, { acceptsTime: true })).reread).toBeUndefined()
})
