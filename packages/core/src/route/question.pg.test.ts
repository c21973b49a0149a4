/** What PostgreSQL makes of a join question: an index look-up for each changed row, whatever the tables' size. */
import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { analyze } from '../analyze/analyze.js'
import { compileOnly } from '../analyze/ast/kysely.fixture.js'
import type { Plan } from '../analyze/plan.js'
import { rowChange, type Change, type RowChange } from '../change.js'
import { questionOf, type Image } from './question.js'
import { waysOf, type JoinWay } from './way.js'

const db = compileOnly()
let database: TestDatabase
let client: Client

beforeAll(async () => {
  database = await createDatabase({
    setup: `
      create table orders (id int primary key, user_id int not null, status text not null);
      create table items (id int primary key, order_id int not null, product_id int, quantity int not null);
      insert into orders select n, n % 1000, 'open' from generate_series(1, 20000) n;
      insert into items select n, n % 20000 + 1, n, 1 from generate_series(1, 40000) n;
      create index on orders (user_id); create index on items (order_id);
      analyze orders; analyze items`,
  })
  client = await database.connect()
})

afterAll(() => database?.[Symbol.asyncDispose]())

async function itemsOfAUser(): Promise<{ plan: Plan; way: JoinWay }> {
  const query = db
    .selectFrom('items as i')
    .innerJoin('orders as o', 'o.id', 'i.order_id')
    .select('i.id')
    .where('o.user_id', '=', 1)
    .compile()
  const plan = await analyze(client, {
    sql: query.sql,
    node: query.query,
    scope: {},
    dependsOn: [],
    acceptsTime: false,
  })
  const way = waysOf(plan).find((candidate) => candidate.kind === 'join')
  if (!way) throw new Error('no question is asked')
  return { plan, way }
}

const relation = (plan: Plan, label: string) => plan.tables.find((table) => table.label === label)!.relation
const imagesOf = (changes: readonly RowChange[]): Image[] =>
  changes.flatMap((change) => [change.oldRow, change.newRow].flatMap((row) => (row ? [{ change, row }] : [])))

async function ask(plan: Plan, way: JoinWay, images: readonly Image[], changes: readonly Change[], explain = '') {
  const question = questionOf(plan, way, images, changes)!
  const text = explain + question.sql((n) => `$${n + 1}`)
  const { rows } = await client.query<string[]>({ text, values: [...question.values], rowMode: 'array' })
  return rows.flat()
}

test('the values that a changed row is joined with', async () => {
  const { plan, way } = await itemsOfAUser()
  const changes = [rowChange(relation(plan, 'items'), 'insert', undefined, { id: '1', order_id: '77' })]
  expect(await ask(plan, way, imagesOf(changes), changes)).toEqual(['77'])
})

test('a partner that the same batch deleted still answers, and so does what it was before', async () => {
  const { plan, way } = await itemsOfAUser()
  const changes = [
    rowChange(relation(plan, 'items'), 'delete', { id: '1', order_id: '90001' }, undefined),
    rowChange(relation(plan, 'orders'), 'delete', { id: '90001', user_id: '5', status: 'open' }, undefined),
    rowChange(relation(plan, 'items'), 'delete', { id: '2', order_id: '77' }, undefined),
    rowChange(relation(plan, 'orders'), 'update', { id: '77', user_id: '6' }, { id: '77', user_id: '77' }),
  ]
  const own = imagesOf([changes[0]!, changes[2]!])
  expect((await ask(plan, way, own, changes)).toSorted()).toEqual(['5', '6', '77'])
})

test('a value that the log does not carry makes no question', async () => {
  const { plan, way } = await itemsOfAUser()
  const excluded = rowChange(relation(plan, 'items'), 'delete', { id: '1' }, undefined)
  expect(questionOf(plan, way, imagesOf([excluded]), [excluded])).toBeUndefined()
  const item = rowChange(relation(plan, 'items'), 'delete', { id: '1', order_id: '77' }, undefined)
  const hashed = rowChange(
    relation(plan, 'orders'),
    'delete',
    { id: '7', user_id: 'x' },
    undefined,
    new Set(['user_id']),
  )
  expect(questionOf(plan, way, imagesOf([item]), [item, hashed])).toBeUndefined()
})

test('present and old rows of a partner are found by its index', async () => {
  const { plan, way } = await itemsOfAUser()
  const changes = [
    rowChange(relation(plan, 'items'), 'delete', { id: '1', order_id: '77' }, undefined),
    rowChange(relation(plan, 'orders'), 'delete', { id: '90001', user_id: '5', status: 'open' }, undefined),
  ]
  const lines = await ask(plan, way, imagesOf([changes[0]!]), changes, 'explain ')
  expect(lines.join('\n')).toContain('Index Scan using orders_pkey')
  expect(lines.join('\n')).not.toContain('Seq Scan')
})
