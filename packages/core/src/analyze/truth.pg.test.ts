import type { CompiledQuery } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { quoteIdentifier, quoteLiteral } from '../util/postgres.js'
import { openAnalysisShop, planOf, type AnalysisShop } from './analyze.fixture.js'
import type { Condition, Occurrence, Operand, Plan, PlanTable } from './plan.js'
import { QUERIES } from './queries.fixture.js'

/*
 * The plan's promise, put to the test on data: deleting a row that fails a condition of every occurrence of its table,
 * or changing a column that the plan does not have, leaves the result as it was.
 */

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
  const plan = await planOf(shop.client, { compile: () => query })
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
  if (operands[0]?.kind === 'elements') return 'true'
  return `${name} ${operator} ${operator === 'in' ? `(${values.join(', ')})` : values.join()}`
}

function valueSql(operand: Operand, { parameters }: CompiledQuery): string {
  const value: unknown = operand.kind === 'literal' ? operand.value : parameters[operand.number - 1]
  return value === null ? 'null' : quoteLiteral(`${value as string | number | boolean}`)
}

function nameOf({ schema, name }: PlanTable): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}
