import { expressionBuilder, ExpressionWrapper, sql, type OperationNode, type SqlBool } from 'kysely'
import { expect, test } from 'vitest'
import { compileOnly, type Shop, seen } from './kysely.fixture.js'

const db = compileOnly()

test('comparisons with parameters and literals are conditions', () => {
  const query = db
    .selectFrom('orders')
    .selectAll()
    .where('status', '=', 'a')
    .where('orders.total', '>=', '5')
    .where((eb) => eb('total', '<', sql.lit('9')))
    .where('user_id', 'in', [1, 2, 3])
    .where('note', 'is', null)
    .where('placed_at', 'is not', null)
    .where('id', '!=', 7)
  expect(seen(query)).toEqual([
    'orders: status = $1, total >= $2, total < "9", user_id in $3 $4 $5, note is null, placed_at is not null, id <> $6',
  ])
})

test('a comparison with null is kept as it is: it never matches', () => {
  expect(seen(db.selectFrom('orders').selectAll().where('note', '=', null))).toEqual(['orders: note = $1'])
  expect(
    seen(
      db
        .selectFrom('orders')
        .selectAll()
        .where((eb) => eb('note', '=', eb.lit(null))),
    ),
  ).toEqual(['orders: note = null'])
})

test('between is two conditions', () => {
  const query = db
    .selectFrom('orders')
    .selectAll()
    .where((eb) => eb.between('total', '1', '2'))
    .where('id', '=', 3)
  expect(seen(query)).toEqual(['orders: total >= $1, total <= $2, id = $3'])
})

test('between symmetric is none', () => {
  expect(
    seen(
      db
        .selectFrom('orders')
        .selectAll()
        .where((eb) => eb.betweenSymmetric('total', '1', '2')),
    ),
  ).toEqual(['orders'])
})

test('a value may stand on the left', () => {
  const query = db
    .selectFrom('orders')
    .selectAll()
    .where((eb) => eb(eb.val('5'), '<', eb.ref('total')))
    .where((eb) => eb(eb.val('a'), '=', eb.ref('orders.status')))
  expect(seen(query)).toEqual(['orders: total > $1, status = $2'])
})

test('AND is looked through, with its parentheses; OR and NOT are not', () => {
  const query = db
    .selectFrom('orders')
    .selectAll()
    .where((eb) => eb.and([eb('status', '=', 'a'), eb.parens(eb('id', '=', 1))]))
    .where((eb) => eb.or([eb('status', '=', 'b'), eb('id', '=', 2)]))
    .where((eb) => eb.not(eb('note', '=', 'x')))
    .where((eb) => eb.not(eb.and([eb('user_id', '=', 1), eb('note', '=', 'y')])))
    .where((eb) => eb.and({ user_id: 4, note: 'z' }))
  expect(seen(query)).toEqual(['orders: status = $1, id = $2, user_id = $8, note = $9'])
})

test('sql.ref, sql.val and sql.lit are the nodes in them', () => {
  const query = db
    .selectFrom('orders as o')
    .selectAll()
    .where(sql.ref('o.status'), '=', 'a')
    .where('o.id', '=', sql.val(1))
    .where('o.user_id', '=', sql.lit(2))
    .where('o.note', 'in', [sql.lit('x'), sql.val('y')])
  expect(seen(query)).toEqual(['orders as o: status = $1, id = $2, user_id = 2, note in "x" $3'])
})

test('what compares anything but plain columns with plain values is no condition', () => {
  const query = db
    .selectFrom('orders as o')
    .selectAll()
    .where((eb) => eb(eb.fn.coalesce('o.note', eb.val('')), '=', 'a'))
    .where((eb) => eb(eb.cast('o.total', 'integer'), '=', 1))
    .where('o.status', '=', sql<string>`lower(${'A'})`)
    .where('o.status', 'like', 'a%')
    .where('o.id', '=', (eb) => eb.fn.any(eb.val([1, 2])))
    .where('o.id', 'not in', [1])
    .whereRef('o.id', '=', 'o.user_id')
    .where((eb) => eb(eb.refTuple('o.id', 'o.status'), 'in', [eb.tuple(1, 'a')]))
  expect(seen(query)).toEqual(['orders as o: id in $6[], o.id = o.user_id'])
})

test('the elements of an array parameter are a list', () => {
  const raw = db
    .selectFrom('orders')
    .select('id')
    .where('id', '=', sql<number>`any(${[1, 2]})`)
  const call = db
    .selectFrom('orders')
    .select('id')
    .where((eb) => eb('id', '=', eb.fn.any(eb.val([1, 2]))))
  expect(seen(raw)).toEqual(['orders: id in $1[]'])
  expect(seen(call)).toEqual(['orders: id in $1[]'])
  const all = db
    .selectFrom('orders')
    .select('id')
    .where('id', '=', sql<number>`all(${[1, 2]})`)
  expect(seen(all)).toEqual(['orders'])
})

test('joins: WHERE, ON of inner joins, ON of a left join for its own table', () => {
  const query = db
    .selectFrom('orders as o')
    .innerJoin('users as u', (join) =>
      join.onRef('u.id', '=', 'o.user_id').on('u.org_id', '=', 1).on('o.status', '=', 'a'),
    )
    .leftJoin('items as i', (join) =>
      join.onRef('i.order_id', '=', 'o.id').on('i.quantity', '>', 2).on('o.total', '>', '3'),
    )
    .select('o.id')
    .where('u.name', '=', 'b')
  expect(seen(query)).toEqual([
    'orders as o: status = $2, u.id = o.user_id, u.name = $5, u.org_id = $1',
    'users as u: name = $5, org_id = $1, u.id = o.user_id, o.status = $2',
    'items as i: quantity > $3, u.id = o.user_id, i.order_id = o.id, o.status = $2, o.total > $4, u.name = $5, u.org_id = $1',
  ])
})

test('WHERE on the nullable side counts only if it rejects NULL', () => {
  const query = db
    .selectFrom('orders as o')
    .leftJoin('items as i', 'i.order_id', 'o.id')
    .select('o.id')
    .where('i.quantity', '>', 1)
    .where('i.product_id', 'is', null)
  expect(seen(query)).toEqual(['orders as o: i.order_id = o.id, i.quantity > $1', 'items as i: quantity > $1'])
})

test('beside a right or full join no ON is a condition', () => {
  const before = db
    .selectFrom('orders as o')
    .innerJoin('users as u', (join) => join.onRef('u.id', '=', 'o.user_id').on('u.org_id', '=', 1))
    .leftJoin('products as p', (join) => join.on('p.id', '=', 1))
    .select('o.id')
    .where('o.status', '=', 'a')
    .where('o.note', 'is', null)
  const right = before.rightJoin('items as i', (join) => join.onRef('i.order_id', '=', 'o.id').on('i.quantity', '>', 2))
  const full = before.fullJoin('items as i', (join) => join.onRef('i.order_id', '=', 'o.id').on('i.quantity', '>', 2))
  for (const query of [right, full]) {
    expect(seen(query)).toEqual(['orders as o: status = $4', 'users as u', 'products as p', 'items as i'])
  }
})

test('an ON condition looks only at the tables joined so far', () => {
  // "name" is users.name here, and would be ambiguous after products.
  const query = db
    .selectFrom('users')
    .innerJoin('orders', (join) => join.onRef('orders.user_id', '=', 'users.id').on('name', '=', 'a'))
    .innerJoin('products', (join) => join.onTrue())
    .select('orders.id')
  expect(seen(query)).toEqual(['users: name = $1', 'orders: orders.user_id = users.id, users.name = $1', 'products'])
})

test('a name that more than one table has is none of them', () => {
  const query = db.selectFrom(['users', 'products']).select('email').where(sql.ref('name'), '=', 'a')
  expect(seen(query)).toEqual(['users', 'products'])
})

test('parameters are numbered as compiled, also where one builder is used twice', () => {
  const part = db.selectFrom('orders').select('id').where('status', '=', 'a')
  const query = db
    .selectFrom('users')
    .select('id')
    .where('name', '=', 'b')
    .where('id', 'in', part)
    .where('org_id', 'in', part)
  expect(seen(query)).toEqual([
    'users: name = $1, users.id = orders.id, users.org_id = orders.id, orders.status = $2, orders.status = $3',
    'orders: status = $2, users.org_id = orders.id, users.id = orders.id, users.name = $1, orders.status = $3',
    'orders: status = $3, users.id = orders.id, users.org_id = orders.id, users.name = $1, orders.status = $2',
  ])
})

test('a parameter that looks like a node is a parameter', () => {
  const note = { kind: 'TableNode', table: { kind: 'RawNode' } } as unknown as string
  const query = db.selectFrom('orders').select('id').where('note', '=', note).where('status', 'in', ['a', note])
  expect(seen(query)).toEqual(['orders: note = $1, status in $2 $3'])
})

test('an OR without parentheses is not split, wherever it stands', () => {
  // "status = $1 and id = $2 or id = $3" reads as (status and id) or id.
  const node = (id: number) => expressionBuilder<Shop, 'orders'>()('id', '=', id).toOperationNode()
  const bare = new ExpressionWrapper<Shop, 'orders', SqlBool>({
    kind: 'OrNode',
    left: node(1),
    right: node(2),
  } as OperationNode)
  expect(seen(db.selectFrom('orders').select('id').where('status', '=', 'a').where(bare))).toEqual(['orders'])
})
