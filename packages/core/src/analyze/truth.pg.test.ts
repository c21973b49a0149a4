import { sql, type Compilable, type CompiledQuery } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { quoteIdentifier, quoteLiteral } from '../util/postgres.js'
import { openAnalysisShop, planOf, type AnalysisShop } from './analyze.fixture.js'
import { compileOnly } from './ast/kysely.fixture.js'
import type { Condition, Occurrence, Operand, Plan, PlanTable } from './plan.js'

/*
 * The plan's promise, put to the test on data: deleting a row that fails a condition of every occurrence of its table,
 * or changing a column that the plan does not have, leaves the result as it was.
 */

const db = compileOnly()

const QUERIES: Readonly<Record<string, Compilable>> = {
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

let shop: AnalysisShop

beforeAll(async () => {
  shop = await openAnalysisShop(`
create view order_totals as select id, total from orders where status = 'open';
insert into users values (1, 1, 'Ada', 'a@x'), (2, 1, 'Bob', null), (3, 2, 'Cy', 'c@x'), (4, 2, 'Eve', null);
insert into orders select n, 1 + n % 4, (array['open', 'paid', 'sent'])[1 + n % 3], (n * 7) % 61, case when n % 4 = 0 then 'n' || n end,
  timestamptz '2024-01-01' + n * interval '1 day' from generate_series(1, 16) n;
insert into items select n, 1 + n % 16, nullif(n % 5, 0), 1 + n % 4 from generate_series(1, 30) n;
insert into products select n, 'p' || n, n, n % 3 = 0 from generate_series(1, 6) n;
insert into categories values (1, null, 'food'), (2, 1, 'fruit'), (3, 1, 'kale'), (4, 2, 'apple'), (5, 3, 'black'), (6, null, 'tools');
insert into audit.entries select n, n, case when n % 2 = 0 then 'paid' else 'sent' end from generate_series(1, 12) n;`)
})

afterAll(() => shop?.[Symbol.asyncDispose]())

test.each(Object.keys(QUERIES))('what the plan excludes does not change the result: %s', async (name) => {
  const query = QUERIES[name]?.compile()
  if (query === undefined) throw new Error(name)
  const plan = await planOf(shop.client, { compile: () => query } as Compilable)
  const before = await resultOf(query)
  for (const table of plan.tables) {
    for (const row of await rowsThatCannotMatter(plan, table, query)) {
      expect
        .soft(await after(query, `delete from only ${nameOf(table)} where ctid = '${row}'`), `${table.label} ${row}`)
        .toBe(before)
    }
    for (const column of unusedColumns(table)) {
      const change = `update ${nameOf(table)} set ${quoteIdentifier(column)} = ${CHANGED[column] ?? '-1'}`
      expect.soft(await after(query, change), `${table.label}.${column}`).toBe(before)
    }
  }
})

test('the queries put a good number of conditions to the test', async () => {
  let checked = 0
  for (const query of Object.values(QUERIES)) {
    const compiled = query.compile()
    const plan = await planOf(shop.client, query)
    for (const table of plan.tables) checked += (await rowsThatCannotMatter(plan, table, compiled)).length
  }
  expect(checked).toBeGreaterThan(300)
})

/** Values for columns that are not numbers. */
const CHANGED: Readonly<Record<string, string>> = {
  name: `'changed'`,
  email: `'changed'`,
  status: `'changed'`,
  note: `'changed'`,
  message: `'changed'`,
  placed_at: `'2000-01-01'`,
  discontinued: 'not discontinued',
}

function unusedColumns({ columns, columnTypes }: PlanTable): readonly string[] {
  // The primary key cannot be set to one value.
  return columns === 'all' ? [] : Object.keys(columnTypes).filter((column) => !columns.has(column) && column !== 'id')
}

async function after(query: CompiledQuery, change: string): Promise<string> {
  await shop.client.query('begin')
  try {
    const { rowCount } = await shop.client.query(change)
    if (rowCount === 0) throw new Error(`nothing changed: ${change}`)
    return await resultOf(query)
  } finally {
    await shop.client.query('rollback')
  }
}

async function resultOf({ sql: text, parameters }: CompiledQuery): Promise<string> {
  const { rows } = await shop.client.query({ text, values: [...parameters], rowMode: 'array' })
  return rows
    .map((row) => JSON.stringify(row))
    .toSorted()
    .join('\n')
}

/** Rows that fail a condition in every occurrence. */
async function rowsThatCannotMatter(plan: Plan, table: PlanTable, query: CompiledQuery): Promise<readonly string[]> {
  const occurrences = plan.occurrences.filter((occurrence) => occurrence.table === table.label)
  const passes = occurrences.map((occurrence) => passesSql(occurrence, query)).join(' or ')
  const { rows } = await shop.client.query<{ ctid: string }>(
    `select ctid::text from ${nameOf(table)} where (${passes}) is not true`,
  )
  return rows.map(({ ctid }) => ctid)
}

function passesSql({ conditions }: Occurrence, query: CompiledQuery): string {
  return conditions.length === 0
    ? 'true'
    : `(${conditions.map((condition) => conditionSql(condition, query)).join(' and ')})`
}

function conditionSql({ column, operator, operands }: Condition, query: CompiledQuery): string {
  const name = quoteIdentifier(column)
  const values = operands.map((operand) => valueSql(operand, query))
  if (operands.length === 0) return `${name} ${operator}`
  return `${name} ${operator} ${operator === 'in' ? `(${values.join(', ')})` : values.join()}`
}

function valueSql(operand: Operand, { parameters }: CompiledQuery): string {
  const value = operand.kind === 'literal' ? operand.value : parameters[operand.number - 1]
  return value === null ? 'null' : quoteLiteral(String(value))
}

function nameOf({ schema, name }: PlanTable): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}
