import { sql, type Compilable } from 'kysely'
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
})
