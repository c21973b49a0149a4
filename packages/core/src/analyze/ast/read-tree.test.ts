import { sql, type Compilable } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import { expect, test } from 'vitest'
import { compileOnly, lookup, NAMES, read, SCHEMA, seen } from './kysely.fixture.js'
import { readTree } from './read-tree.js'

const db = compileOnly()

test('every place where a table stands is an occurrence', () => {
  const query = db
    .with('big', (qc) => qc.selectFrom('orders').selectAll().where('total', '>', '100'))
    .selectFrom('users as u')
    .innerJoin('big as b1', 'b1.user_id', 'u.id')
    .innerJoin('big as b2', 'b2.user_id', 'u.id')
    .innerJoin(
      (eb) => eb.selectFrom('items').selectAll().where('quantity', '>', 1).as('i'),
      (join) => join.onRef('i.order_id', '=', 'b1.id'),
    )
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('products as p')
          .selectAll()
          .whereRef('p.id', '=', 'i.product_id')
          .where('p.price', '<', '5')
          .as('p'),
      (join) => join.onTrue(),
    )
    .select((eb) => [
      'u.id',
      eb.selectFrom('items as x').whereRef('x.order_id', '=', 'b1.id').where('x.id', '=', 7).select('x.id').as('sub'),
      jsonArrayFrom(eb.selectFrom('orders as j').select('j.id').where('j.status', '=', 'json')).as('json'),
    ])
    .where((eb) => eb.exists(eb.selectFrom('audit.entries as e').select('e.id').where('e.message', '=', 'exists')))
    .where((eb) => eb.not(eb.exists(eb.selectFrom('categories as c').select('c.id').where('c.name', '=', 'not'))))
    .where('u.id', 'in', (eb) => eb.selectFrom('users as v').select('v.id').where('v.org_id', '=', 3))
    .groupBy('u.id')
    .having((eb) => eb.exists(eb.selectFrom('products as h').select('h.id').where('h.id', '=', 9)))
    .orderBy((eb) => eb.selectFrom('categories as s').select('s.id').where('s.id', '=', 10))
  expect(seen(query).toSorted()).toEqual(
    [
      'users as u: u.id = v.id, orders.user_id = u.id, orders.user_id = u.id, items.order_id = orders.id, v.org_id = $8, orders.total > $1, orders.total > $1, items.quantity > $4',
      'orders: total > $1, u.id = v.id, orders.user_id = u.id, orders.user_id = u.id, items.order_id = orders.id, orders.total > $1, items.quantity > $4, v.org_id = $8',
      'orders: total > $1, u.id = v.id, orders.user_id = u.id, orders.user_id = u.id, items.order_id = orders.id, v.org_id = $8, orders.total > $1, items.quantity > $4',
      'items: quantity > $4, u.id = v.id, orders.user_id = u.id, orders.user_id = u.id, items.order_id = orders.id, orders.total > $1, orders.total > $1, v.org_id = $8',
      'products as p: price < $5, u.id = v.id, orders.user_id = u.id, orders.user_id = u.id, items.order_id = orders.id, p.id = items.product_id, items.quantity > $4, orders.total > $1, orders.total > $1, v.org_id = $8',
      'audit.entries as e: message = $6',
      'categories as c: name = $7',
      'users as v: org_id = $8, orders.user_id = u.id, orders.user_id = u.id, items.order_id = orders.id, u.id = v.id, orders.total > $1, orders.total > $1, items.quantity > $4',
      'items as x: id = $2, u.id = v.id, orders.user_id = u.id, orders.user_id = u.id, items.order_id = orders.id, x.order_id = orders.id, orders.total > $1, orders.total > $1, items.quantity > $4, v.org_id = $8',
      'orders as j: status = $3',
      'products as h: id = $9',
      'categories as s: id = $10',
    ].toSorted(),
  )
})

test('a CTE counts as one place, and as one occurrence for each reference', () => {
  const { occurrences, places } = read(
    db
      .with('o', (qc) => qc.selectFrom('orders').select('id'))
      .selectFrom(['o as a', 'o as b'])
      .selectAll(),
  )
  expect(occurrences).toHaveLength(2)
  expect(places).toEqual(new Map([[NAMES.indexOf('orders'), 1]]))
})

test('a CTE that nobody refers to is seen', () => {
  const query = db
    .with('unused', (qc) => qc.selectFrom('orders').select('id'))
    .selectFrom('users')
    .select('id')
  expect(seen(query).toSorted()).toEqual(['orders', 'users'])
})

test('the arms of a set operation stand for themselves', () => {
  const query = db
    .selectFrom('orders')
    .select('id')
    .where('status', '=', 'left')
    .union((eb) => eb.selectFrom('orders as right').select('right.id').where('right.status', '=', 'right'))
    .except(db.selectFrom('items').select('order_id as id').where('quantity', '=', 1))
    .orderBy('id')
  expect(seen(query)).toEqual(['orders: status = $1', 'orders as right: status = $2', 'items: quantity = $3'])
})

test('a CTE hides the table of its name after it, not in itself and not before it', () => {
  const query = db
    .with('first', (qc) => qc.selectFrom('orders').select('orders.id').where('orders.status', '=', 'a'))
    .with('orders', (qc) => qc.selectFrom('orders').selectAll().where('status', '=', 'b'))
    .selectFrom('orders')
    .innerJoin('first', 'first.id', 'orders.id')
    .selectAll('orders')
    .where('orders.status', '=', 'c')
  expect(seen(query)).toEqual([
    'orders: status = $3, status = $2, orders.id = orders.id, orders.status = $1',
    'orders: status = $1, orders.id = orders.id, orders.status = $2, orders.status = $3',
  ])
})

test('a recursive CTE hides the table of its name in itself, too', () => {
  const query = db
    .withRecursive('orders', (qc) =>
      qc
        .selectFrom('categories as orders')
        .select('orders.id')
        .where('orders.name', '=', 'root')
        .unionAll(
          qc
            .selectFrom('orders')
            .innerJoin('categories as c', 'c.parent_id', 'orders.id')
            .select('c.id')
            .where('c.name', '!=', 'x'),
        ),
    )
    .selectFrom('orders')
    .select('orders.id')
  expect(seen(query)).toEqual(['categories as orders', 'categories as c'])
})

test('a name with a schema is never a CTE', () => {
  const query = db
    .with('entries', (qc) => qc.selectFrom('users').select('id'))
    .selectFrom('audit.entries')
    .innerJoin('entries', 'entries.id', 'audit.entries.id')
    .select('audit.entries.id')
    .where('audit.entries.message', '=', 'a')
  expect(seen(query)).toEqual(['audit.entries as entries: message = $1', 'users'])
})

test('a correlated reference is the outer table’s, and no condition of it inside', () => {
  const query = db
    .selectFrom('orders as o')
    .select('o.id')
    .where((eb) =>
      eb.exists(eb.selectFrom('items as i').select('i.id').where('o.status', '=', 'a').where('i.quantity', '=', 1)),
    )
  const { occurrences } = read(query)
  expect(seen(query)).toEqual(['orders as o: status = $1', 'items as i: quantity = $2'])
  expect(occurrences.map(({ columns }) => [...columns].toSorted())).toEqual([
    ['id', 'status'],
    ['id', 'quantity'],
  ])
})

test('columns: references, *, and t.*', () => {
  const columns = (query: Compilable): string[][] =>
    read(query).occurrences.map((occurrence) => [...occurrence.columns])
  expect(columns(db.selectFrom('products').select('name').orderBy('price'))).toEqual([['name', 'price']])
  expect(columns(db.selectFrom('products').selectAll())).toEqual([SCHEMA['products']])
  expect(columns(db.selectFrom(['products as p', 'users as u']).selectAll('p').select('u.id'))).toEqual([
    SCHEMA['products'],
    ['id'],
  ])
  expect(columns(db.selectFrom('products').select((eb) => eb.fn.countAll().as('n')))).toEqual([[]])
})

test('nothing is claimed of a tree that is not the query’s', () => {
  const tree = db.selectFrom('orders').select('id').where('status', '=', 'a').compile()
  const { occurrences } = readTree(tree.query, `${tree.sql} `, lookup)
  expect(occurrences).toMatchObject([{ conditions: [], reason: expect.stringContaining('other SQL') as string }])
})

test('a tree that cannot be read says why', () => {
  const tree = db.selectFrom('orders').select('id').compile()
  const strange = { ...tree.query, where: { kind: 'StrangeNode' } } as never
  expect(readTree(strange, tree.sql, lookup).failure).toBeTruthy()
})

test('CTEs that refer to each other twice do not multiply without end', () => {
  let query = db.with('c0', (qc) => qc.selectFrom('orders').select('id')) as unknown as ReturnType<typeof db.with>
  for (let index = 1; index < 20; index++) {
    const before = `c${index - 1}`
    query = query.with(`c${index}`, (qc) =>
      qc.selectFrom([`${before} as a`, `${before} as b`] as never).select('a.id' as never),
    ) as never
  }
  expect(read(query.selectFrom('c19' as never).select('id' as never)).failure).toContain('occurrences')
})

test('a table that the catalog does not know is named', () => {
  const { unknown } = read(db.selectFrom('nowhere' as 'orders').select('id'))
  expect(unknown).toEqual([{ schema: undefined, name: 'nowhere' }])
})

test('an arm of a set operation does not see the tables of the arm before it', () => {
  const values = db
    .selectFrom(sql<{ status: string }>`(values ('a'))`.as<'v'>(sql`v(status)`))
    .select(sql.ref<string>('status').as('note'))
  const { occurrences } = read(db.selectFrom('orders').select('note').union(values))
  expect(occurrences.map(({ columns }) => [...columns])).toEqual([['note']])
})
