import { sql, type Compilable } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import { compileOnly } from './ast/kysely.fixture.js'

const db = compileOnly()

/** Queries over the shop, one for each way in which Kysely puts a table or a condition into a query. */
export const QUERIES: Readonly<Record<string, Compilable>> = {
  'one table': db.selectFrom('orders').selectAll().where('status', '=', 'open').where('total', '>', '20'),
  in: db.selectFrom('orders').select('id').where('status', 'in', ['open', 'paid']).where('user_id', 'in', [1, 2]),
  between: db
    .selectFrom('orders')
    .select('id')
    .where((eb) => eb.between('total', '10', '40')),
  'null tests': db.selectFrom('orders').select('id').where('note', 'is', null).where('status', 'is not', null),
  'compared with null': db.selectFrom('orders').select('id').where('note', '=', null),
  'not equal': db.selectFrom('orders').select('id').where('status', '<>', 'open'),
  'value on the left': db
    .selectFrom('orders')
    .select('id')
    .where((eb) => eb(eb.val('20'), '<=', eb.ref('total'))),
  'or and not': db
    .selectFrom('orders')
    .select('id')
    .where((eb) => eb.or([eb('status', '=', 'open'), eb('note', 'is', null)]))
    .where((eb) => eb.not(eb('user_id', '=', 3)))
    .where('total', '<', '60'),
  'raw or beside conditions': db
    .selectFrom('orders')
    .select('id')
    .where('status', '=', 'open')
    .where(sql<boolean>`total > 30 or user_id = 1`),
  'inner join': db
    .selectFrom('orders as o')
    .innerJoin('users as u', (join) => join.onRef('u.id', '=', 'o.user_id').on('u.org_id', '=', 1))
    .select(['o.id', 'u.name'])
    .where('o.status', '=', 'open'),
  'left join with conditions on its own side': db
    .selectFrom('orders as o')
    .leftJoin('items as i', (join) =>
      join.onRef('i.order_id', '=', 'o.id').on('i.quantity', '>', 2).on('o.status', '=', 'open'),
    )
    .select(['o.id', 'i.id as item']),
  'left join, nullable side is null': db
    .selectFrom('orders as o')
    .leftJoin('items as i', 'i.order_id', 'o.id')
    .select('o.id')
    .where('i.product_id', 'is', null),
  'left join, nullable side rejects null': db
    .selectFrom('orders as o')
    .leftJoin('items as i', 'i.order_id', 'o.id')
    .select('o.id')
    .where('i.quantity', '<', 3),
  'left join, own ON is null': db
    .selectFrom('orders as o')
    .leftJoin('items as i', (join) => join.onRef('i.order_id', '=', 'o.id').on('i.product_id', 'is', null))
    .select(['o.id', 'i.id as item']),
  'inner join after a left join': db
    .selectFrom('orders as o')
    .leftJoin('items as i', 'i.order_id', 'o.id')
    .innerJoin('products as p', (join) =>
      join.onRef('p.id', '=', 'i.product_id').on('i.quantity', '>', 1).on('p.price', '>', '3'),
    )
    .select(['o.id', 'p.name']),
  'right join': db
    .selectFrom('orders as o')
    .rightJoin('users as u', (join) => join.onRef('u.id', '=', 'o.user_id').on('u.org_id', '=', 1))
    .select(['o.id', 'u.name'])
    .where('u.name', '!=', 'Ada'),
  'full join': db
    .selectFrom('items as i')
    .fullJoin('products as p', (join) => join.onRef('p.id', '=', 'i.product_id').on('p.price', '>', '2'))
    .select(['i.id', 'p.name'])
    .where('i.quantity', '>', 1),
  'full join, is null': db
    .selectFrom('items as i')
    .fullJoin('products as p', (join) => join.onRef('p.id', '=', 'i.product_id'))
    .select(['i.id', 'p.name'])
    .where('i.product_id', 'is', null),
  'self join': db
    .selectFrom('categories as parent')
    .innerJoin('categories as child', 'child.parent_id', 'parent.id')
    .select(['parent.name', 'child.name as child'])
    .where('parent.name', '=', 'food'),
  exists: db
    .selectFrom('orders as o')
    .select('o.id')
    .where((eb) =>
      eb.exists(
        eb.selectFrom('items as i').select('i.id').whereRef('i.order_id', '=', 'o.id').where('i.quantity', '>', 2),
      ),
    )
    .where('o.status', '=', 'open'),
  'not exists': db
    .selectFrom('orders as o')
    .select('o.id')
    .where((eb) =>
      eb.not(
        eb.exists(
          eb.selectFrom('items as i').select('i.id').whereRef('i.order_id', '=', 'o.id').where('i.quantity', '>', 2),
        ),
      ),
    ),
  'not in with nulls': db
    .selectFrom('products as p')
    .select('p.id')
    .where('p.id', 'not in', (eb) => eb.selectFrom('items').select('items.product_id').where('quantity', '>', 2)),
  'in a subquery': db
    .selectFrom('orders')
    .select('id')
    .where('user_id', 'in', (eb) => eb.selectFrom('users').select('users.id').where('org_id', '=', 1)),
  'subquery under or': db
    .selectFrom('orders as o')
    .select('o.id')
    .where((eb) =>
      eb.or([eb.exists(eb.selectFrom('items').select('id').where('quantity', '>', 100)), eb('o.status', '=', 'open')]),
    ),
  'aggregate over nothing': db
    .selectFrom('orders')
    .select((eb) => eb.fn.countAll().as('n'))
    .where('status', '=', 'no such'),
  grouped: db
    .selectFrom('orders')
    .select((eb) => ['user_id', eb.fn.sum('total').as('sum')])
    .where('status', '=', 'open')
    .groupBy('user_id')
    .having((eb) => eb.fn.countAll(), '>', 0)
    .orderBy('user_id'),
  'select-list subquery and json': db
    .selectFrom('users as u')
    .select((eb) => [
      'u.id',
      eb
        .selectFrom('orders')
        .select((of) => of.fn.countAll().as('n'))
        .whereRef('user_id', '=', 'u.id')
        .where('status', '=', 'open')
        .as('n'),
      jsonArrayFrom(
        eb
          .selectFrom('orders as j')
          .select(['j.id', 'j.total'])
          .whereRef('j.user_id', '=', 'u.id')
          .where('j.total', '>', '30')
          .orderBy('j.id'),
      ).as('json'),
      jsonObjectFrom(
        eb.selectFrom('categories as c').selectAll('c').whereRef('c.id', '=', 'u.id').where('c.name', '!=', 'food'),
      ).as('category'),
    ])
    .where('u.org_id', '=', 1),
  'cte used twice': db
    .with('big', (qc) => qc.selectFrom('orders').select(['id', 'user_id', 'total']).where('total', '>', '25'))
    .selectFrom('big as a')
    .innerJoin('big as b', 'b.user_id', 'a.user_id')
    .select(['a.id', 'b.id as other'])
    .where('a.total', '<', '50'),
  'cte that hides its table': db
    .with('orders', (qc) => qc.selectFrom('orders').selectAll().where('status', '=', 'open'))
    .selectFrom('orders')
    .select('id')
    .where('total', '>', '20'),
  recursive: db
    .withRecursive('tree', (qc) =>
      qc
        .selectFrom('categories')
        .select(['id', 'name'])
        .where('name', '=', 'food')
        .unionAll(
          qc
            .selectFrom('categories as c')
            .innerJoin('tree as t', 't.id', 'c.parent_id')
            .select(['c.id', 'c.name'])
            .where('c.name', '!=', 'kale'),
        ),
    )
    .selectFrom('tree')
    .selectAll(),
  'union, intersect, except': db
    .selectFrom('orders')
    .select('id')
    .where('status', '=', 'open')
    .union((eb) =>
      eb.parens(
        eb
          .selectFrom('items')
          .select('order_id as id')
          .where('quantity', '>', 2)
          .intersect(eb.selectFrom('orders').select('id').where('total', '>', '15')),
      ),
    )
    .except(db.selectFrom('users').select('id').where('org_id', '=', 2))
    .orderBy('id'),
  'limit in a derived table': db
    .selectFrom((eb) =>
      eb
        .selectFrom('orders')
        .select(['id', 'status', 'total'])
        .where('user_id', '=', 1)
        .orderBy('total', 'desc')
        .orderBy('id')
        .limit(2)
        .as('top'),
    )
    .select('top.id')
    .where('top.status', '=', 'open'),
  window: db
    .selectFrom('orders')
    .select((eb) => [
      'id',
      eb.fn
        .agg<number>('row_number')
        .over((over) => over.partitionBy('user_id').orderBy('total').orderBy('id'))
        .as('n'),
    ])
    .where('status', '=', 'open'),
  lateral: db
    .selectFrom('users as u')
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('orders as o')
          .select(['o.id', 'o.total'])
          .whereRef('o.user_id', '=', 'u.id')
          .where('o.status', '=', 'open')
          .orderBy('o.total')
          .orderBy('o.id')
          .limit(1)
          .as('first'),
      (join) => join.onTrue(),
    )
    .select(['u.id', 'first.total'])
    .where('u.org_id', '=', 1),
  'distinct on': db
    .selectFrom('orders')
    .distinctOn('user_id')
    .select(['user_id', 'id'])
    .where('status', '=', 'open')
    .orderBy('user_id')
    .orderBy('id'),
  'other schema': db
    .selectFrom('audit.entries as e')
    .innerJoin('orders as o', 'o.id', 'e.order_id')
    .select('e.id')
    .where('e.message', '=', 'paid')
    .where('o.status', '=', 'open'),
  'raw table': db
    .selectFrom('orders')
    .select('id')
    .where(
      sql<boolean>`exists (select from ${sql.table('items')} i where i.order_id = orders.id and i.quantity > ${2})`,
    )
    .where('status', '=', 'open'),
  'hidden table': db
    .selectFrom('orders as o')
    .select('o.id')
    .where(sql<boolean>`o.total >= (select max(total) from orders)`)
    .where('o.status', '=', 'open'),
  view: db
    .selectFrom('order_totals' as 'orders')
    .select('id')
    .where('total', '>', '20'),
  'view beside its table': db
    .selectFrom(['order_totals as v' as 'orders as v', 'orders as o'])
    .select(['v.id', 'o.id as other'])
    .whereRef('v.id', '=', 'o.id')
    .where('o.status', '=', 'open'),
  'whole row': db
    .selectFrom('orders as o')
    .select(sql`to_jsonb(o)`.as('row'))
    .where('o.status', '=', 'open'),
  'immediate values': db
    .selectFrom('products')
    .select('id')
    .where('discontinued', '=', sql.lit(false))
    .where('price', '>', sql.lit('2')),
  'unused cte': db
    .with('unused', (qc) => qc.selectFrom('items').select('id').where('quantity', '=', 1))
    .selectFrom('orders')
    .select('id')
    .where('status', '=', 'open'),
  'fetch and offset': db
    .selectFrom('orders')
    .select('id')
    .where('status', '=', 'open')
    .orderBy('id')
    .offset(1)
    .fetch(2),
  case: db
    .selectFrom('orders')
    .select((eb) => eb.case().when('status', '=', 'open').then('o').else('x').end().as('s'))
    .where('total', '>', '20'),
  'builder used twice': (() => {
    const part = db.selectFrom('orders').select('user_id').where('status', '=', 'open')
    return db
      .selectFrom('users')
      .select('id')
      .where('name', '!=', 'Eve')
      .where('id', 'in', part)
      .where('org_id', 'in', part)
  })(),
}
