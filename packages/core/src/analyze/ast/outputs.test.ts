import { sql, type AliasableExpression, type ExpressionBuilder } from 'kysely'
import { expect, test } from 'vitest'
import { compileOnly, seen, type Shop } from './kysely.fixture.js'

const db = compileOnly()

type Orders = ExpressionBuilder<Shop & { o: Shop['orders'] }, 'o'>

/** What is claimed of users: with an aggregate there is a row for each of them, whatever orders there are. */
function users(selected: (eb: Orders) => AliasableExpression<unknown>): string | undefined {
  const query = db
    .selectFrom('users as u')
    .select('u.name')
    .where('u.org_id', '=', 1)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('orders as o')
          .select((inner) => selected(inner as unknown as Orders).as('n'))
          .whereRef('o.user_id', '=', 'u.id')
          .where('o.status', '=', 'a'),
      ),
    )
  return seen(query)[0]
}

const FREE = /^users as u: org_id = \$\d+$/
const TIED = /o\.user_id = u\.id/

test.each<readonly [string, (eb: Orders) => AliasableExpression<unknown>]>([
  ['of Kysely’s', (eb) => eb.fn.sum('o.total')],
  ['a function', (eb) => eb.fn('sum', ['o.total'])],
  ['a function of a subquery', (eb) => eb.selectFrom('items').select(eb.fn('sum', ['o.total']).as('x'))],
  ['raw SQL', () => sql`sum(o.total)`],
  ['a quoted name', () => sql`"sum"(o.total)`],
  ['a name that only looks like one of a single row', () => sql`other.lower(o.note)`],
  ['an identifier', () => sql`${sql.id('sum')}(o.total)`],
  ['an identifier with a schema', () => sql`${sql.id('pg_catalog', 'sum')}(o.total)`],
  ['a reference', () => sql`${sql.ref('sum')} (o.total)`],
  ['text', () => sql`${sql.raw('sum')}(${sql.ref('o.total')})`],
  ['a name in pieces', () => sql`su${sql.raw('m')}(o.total)`],
  ['parentheses of Kysely’s', (eb) => sql`sum${eb.parens('o.total', '>', '1')}`],
  ['what begins with parentheses', (eb) => sql`sum${eb(eb.parens(eb.ref('o.total')), '+', '1')}`],
  ['a tuple', (eb) => sql`count${eb.refTuple('o.total', 'o.id')}`],
])('an aggregate has a row over nothing: %s', (_, selected) => {
  expect(users(selected)).toMatch(FREE)
})

test.each<readonly [string, (eb: Orders) => AliasableExpression<unknown>]>([
  ['a function of one row', (eb) => eb.fn('lower', ['o.note'])],
  ['raw SQL', () => sql`coalesce(lower(o.note), 'x')`],
  [
    'nodes in raw SQL',
    (eb) => sql`case when ${eb.ref('o.note')} in (${'a'}) and ${eb.parens('o.total', '>', '1')} then 1 end`,
  ],
  ['text in raw SQL', () => sql`${sql.ref('o.note')} ${sql.raw('||')} ${'x'}`],
])('what is of one row has none: %s', (_, selected) => {
  expect(users(selected)).toMatch(TIED)
})

test.each<readonly [string, (eb: ExpressionBuilder<Shop, 'orders'>) => AliasableExpression<unknown>]>([
  ['rollup', (eb) => eb.fn('rollup', ['user_id'])],
  ['upper case', (eb) => eb.fn('CUBE', ['user_id'])],
  ['an aggregate of that name', (eb) => eb.fn.agg('rollup', ['user_id'])],
  ['grouping sets', (eb) => eb.fn('grouping sets', ['user_id'])],
  ['raw SQL', () => sql`grouping sets (user_id, ())`],
  ['an identifier', () => sql`${sql.raw('rollup')}(user_id)`],
])('grouping sets have a row over nothing, whose columns are NULL: %s', (_, by) => {
  const grouped = db.selectFrom('orders').select('user_id').groupBy(by)
  const query = db.selectFrom(grouped.as('g')).select('g.user_id').where('g.user_id', 'is', null)
  expect(seen(query)).toEqual(['orders'])
})

test('other calls in GROUP BY are groups', () => {
  const grouped = db
    .selectFrom('orders')
    .select('user_id')
    .groupBy((eb) => ['user_id', eb.fn('date_trunc', [sql.lit('day'), 'placed_at'])])
  const query = db.selectFrom(grouped.as('g')).select('g.user_id').where('g.user_id', '=', 1)
  expect(seen(query)).toEqual(['orders: user_id = $1'])
})

test('raw SQL that is several columns shifts those behind it', () => {
  const other = db.selectFrom('items').select([sql<number>`id, product_id`.as('id'), 'order_id as user_id'])
  const two = db
    .selectFrom('orders')
    .select(['id', 'user_id', 'note'])
    .union(other as never)
  const query = db.selectFrom(two.as('d')).select('d.id').where('d.user_id', '=', 1)
  expect(seen(query)).toEqual(['orders: user_id = $1', 'items'])
})
