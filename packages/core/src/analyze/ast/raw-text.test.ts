import { sql, type Compilable, type RawBuilder } from 'kysely'
import { expect, test } from 'vitest'
import { compileOnly, read, seen } from './kysely.fixture.js'

const db = compileOnly()

const raw = (text: string): Compilable =>
  db
    .selectFrom('orders')
    .select('id')
    .where('status', '=', 'a')
    .where(sql<boolean>`${sql.raw(text)}`)
    .where('id', '=', 1)

test.each([
  'total > 5',
  '(total > 5 or note is null)',
  `note = ' or '`,
  'note = "or"',
  'total > 5 -- or\n',
  'f(a or b)',
])('raw SQL that stays in its place does not disturb: %s', (text) => {
  expect(seen(raw(text))).toEqual(['orders: status = $1, id = $2'])
})

test.each([
  'total > 5 or note is null',
  'true OR true',
  'true) or (true',
  'true -- and',
  'true /* ',
  `note = 'x`,
  'total between 1',
  'true union select id from orders where true',
  'true group by id having true',
])('raw SQL that reaches over its place leaves no condition: %s', (text) => {
  expect(seen(raw(text))).toEqual(['orders'])
})

test('raw SQL elsewhere that opens what it does not close leaves no condition', () => {
  expect(
    seen(
      db
        .selectFrom('orders')
        .select(sql`1 /*`.as('x'))
        .where('status', '=', 'a'),
    ),
  ).toEqual(['orders'])
  expect(
    seen(
      db
        .selectFrom('orders')
        .select(sql`(1`.as('x'))
        .where('status', '=', 'a'),
    ),
  ).toEqual(['orders'])
})

test('raw SQL with an OR between parts is still an OR', () => {
  const query = db
    .selectFrom('orders')
    .select('id')
    .where('status', '=', 'a')
    .where((eb) => sql<boolean>`${eb('id', '=', 1)} or ${eb('id', '=', 2)}`)
  expect(seen(query)).toEqual(['orders'])
})

test('a table inside of raw SQL is an occurrence without conditions', () => {
  const query = db
    .selectFrom('users')
    .select('id')
    .where(sql<boolean>`exists (select from ${sql.table('orders')} where status = ${'a'})`)
    .where('org_id', '=', 1)
  expect(seen(query)).toEqual(['users: org_id = $2', 'orders'])
  expect(read(query).rawNames).toContain('status')
})

test('raw SQL in FROM: functions and values have no table, and do not disturb', () => {
  const query = db
    .selectFrom('orders as o')
    .innerJoin(sql<{ n: number }>`generate_series(1, 3)`.as<'n'>(sql`n(n)`), (join) => join.onTrue())
    .select('o.id')
    .where('o.status', '=', 'a')
  expect(seen(query)).toEqual(['orders as o'])
  const named = db
    .selectFrom('orders as o')
    .innerJoin(sql<{ n: number }>`generate_series(1, 3)`.as('n'), (join) => join.onTrue())
    .select('o.id')
    .where('o.status', '=', 'a')
  expect(seen(named)).toEqual(['orders as o: status = $1'])
})

test('names in raw SQL are known as PostgreSQL reads them', () => {
  const names = (text: string): string[] => [
    ...read(db.selectFrom('orders').select(sql.raw(text).as('x') as never)).rawNames,
  ]
  expect(names(`Status, "a""B", 'string', $1 -- comment`)).toEqual(['status', 'a"B'])
  expect(names('count(*)')).toEqual(['count', '*'])
  expect(names(String.raw`U&"\0061"`)).toEqual(['*'])
  expect(names('x'.repeat(70))).toEqual(['x'.repeat(63)])
  // Only some databases fold letters beyond ASCII.
  expect(names('ÜBER')).toEqual(['Über', 'über'])
})

test.each<readonly [string, (outer: string) => RawBuilder<unknown>]>([
  ['text', () => sql`(select count(*) from o)`],
  ['a quoted name', () => sql`(select count(*) from "o")`],
  ['sql.table', () => sql`(select count(*) from ${sql.table('o')})`],
  ['sql.id', () => sql`(select count(*) from ${sql.id('o')})`],
  ['text in text', () => sql`(select count(*) ${sql.raw('from O')})`],
  ['a name in escapes', () => sql`(select count(*) from U&"\\006F")`],
])('a CTE that raw SQL reads is read without the conditions around it: %s', (_, raw) => {
  const ctes = db.with('o', (qc) => qc.selectFrom('orders').select(['id', 'user_id']).where('status', '=', 'a'))
  const selected = ctes
    .selectFrom('o')
    .select(['o.id', raw('o').as('n')])
    .where('o.user_id', '=', 1)
  expect(seen(selected)).toEqual(['orders: user_id = $2, status = $1', 'orders: status = $1'])
  const filtered = ctes
    .selectFrom('o')
    .select('o.id')
    .where('o.user_id', '=', 1)
    .where('o.id', '>', raw('o') as never)
  expect(seen(filtered)).toEqual(['orders: user_id = $2, status = $1', 'orders: status = $1'])
})

test('raw SQL that reads a CTE reads the CTEs that it reads', () => {
  const query = db
    .with('a', (qc) => qc.selectFrom('orders').select(['id', 'user_id']))
    .with('b', (qc) => qc.selectFrom('a').select(['a.id', 'a.user_id']).where('a.id', '>', 5))
    .selectFrom('a')
    .select(['a.id', sql`(select count(*) from b)`.as('n')])
    .where('a.user_id', '=', 1)
  expect(seen(query)).toEqual(['orders: user_id = $2', 'orders: id > $1'])
})

test('columns of a CTE in raw SQL do not read it', () => {
  const query = db
    .with('o', (qc) => qc.selectFrom('orders').select(['id', 'user_id', 'total']))
    .selectFrom('o')
    .select(['o.id', sql`o.total * 2`.as('double'), sql`public.o`.as('other')])
    .where('o.user_id', '=', 1)
  expect(seen(query)).toEqual(['orders: user_id = $1'])
})

test('a subquery in raw SQL with a FROM of its own is not tied to what surrounds it', () => {
  const items = db.selectFrom('items as i').select('i.id').whereRef('i.order_id', '=', sql.ref('o.id'))
  const query = (raw: RawBuilder<boolean>): string[] =>
    seen(db.selectFrom('orders as o').select('o.id').where('o.user_id', '=', 1).where(raw))
  expect(query(sql<boolean>`exists (select from audit.entries o where exists ${items})`)).toEqual([
    'orders as o: user_id = $1',
    'items as i',
  ])
  expect(query(sql<boolean>`coalesce(exists ${items}, false)`)).toEqual([
    'orders as o: user_id = $1',
    'items as i: i.order_id = o.id, o.user_id = $1',
  ])
})

test('nothing is claimed where raw SQL around a subquery has CTEs of its own', () => {
  const inner = db.selectFrom('orders').select('id').where('user_id', '=', 1)
  const query = db
    .selectFrom('users')
    .select(sql`(with orders as (select 1 as user_id) ${inner})`.as('x'))
    .where('org_id', '=', 1)
  expect(seen(query)).toEqual(['users', 'orders'])
})

test('names that stand in raw SQL as nodes are known', () => {
  const query = db.selectFrom('orders').select(sql`${sql.id('o', 'status')}`.as('x'))
  expect([...read(query).rawNames]).toEqual(['o', 'status'])
})
