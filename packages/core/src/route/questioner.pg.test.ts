/** By which plans PostgreSQL runs questions: to plan one takes longer than to run it. */
import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Client } from 'pg'
import { beforeEach, afterEach, expect, test } from 'vitest'
import { analyze } from '../analyze/analyze.js'
import { compileOnly } from '../analyze/ast/kysely.fixture.js'
import type { Plan } from '../analyze/plan.js'
import { rowChange } from '../change.js'
import { Questioner } from './questioner.js'
import { waysOf } from './way.js'

const db = compileOnly()
let database: TestDatabase
let client: Client
let plan: Plan

beforeEach(async () => {
  database = await createDatabase({
    setup: `
      create table orders (id int primary key, user_id int not null) with (autovacuum_enabled = false);
      create table items (id int primary key, order_id int not null);
      insert into orders select n, n from generate_series(1, 20) n; analyze orders`,
  })
  client = await database.connect()
  const { sql, query: node } = db
    .selectFrom('items as i')
    .innerJoin('orders as o', 'o.id', 'i.order_id')
    .select('i.id')
    .where('o.user_id', '=', 1)
    .compile()
  plan = await analyze(client, { sql, node, scope: {}, dependsOn: [], acceptsTime: false })
})

afterEach(() => database?.[Symbol.asyncDispose]())

/** In a transaction like a tick's: "whose are these items?". */
async function ask(questioner: Questioner, orders: readonly number[]): Promise<readonly unknown[]> {
  const way = waysOf(plan).find(({ kind }) => kind === 'join')
  if (way?.kind !== 'join') throw new Error('no question is asked')
  const images = orders.map((order, id) => {
    const row = { id: String(id), order_id: String(order) }
    return { change: rowChange(way.table.relation, 'insert', undefined, row), row }
  })
  await client.query('begin isolation level repeatable read read only')
  const [answer] = await questioner.ask(
    client,
    [{ plan, way, images }],
    images.map(({ change }) => change),
  )
  await client.query('commit')
  if (answer?.kind !== 'rows') throw new Error('not answered')
  return answer.rows.flat()
}

async function plansOf(): Promise<readonly unknown[]> {
  const { rows } = await client.query<Record<string, number>>(
    `select generic_plans::int, custom_plans::int from pg_prepared_statements where name ~ 'question'`,
  )
  return rows
}

async function keptPlan(): Promise<string> {
  await client.query('begin; set local plan_cache_mode = force_generic_plan')
  const named = await client.query<{ name: string }>('select name from pg_prepared_statements')
  const { rows } = await client.query<string[]>({
    text: `explain execute ${named.rows[0]!.name}('{1}')`,
    rowMode: 'array',
  })
  await client.query('rollback')
  return rows.flat().join('\n')
}

test('a few rows go by a plan that is kept, many by one of their own', async () => {
  const questioner = new Questioner()
  for (let order = 1; order <= 8; order += 1) expect(await ask(questioner, [order])).toEqual([String(order)])
  expect(await plansOf()).toEqual([{ generic_plans: 8, custom_plans: 0 }])
  const many = Array.from({ length: 101 }, (_, order) => order)
  expect(await ask(questioner, many)).toHaveLength(20)
  expect(await plansOf()).toEqual([{ generic_plans: 8, custom_plans: 1 }])
})

test('a plan by which a few rows take long is not kept: a table may have grown, and nobody has analyzed it', async () => {
  let now = 0
  let questionMs = 50
  const questioner = new Questioner({ now: () => (now += questionMs) })
  expect(await ask(questioner, [7])).toEqual(['7'])
  await client.query('insert into orders select n, n from generate_series(21, 100000) n')
  expect(await keptPlan()).toContain('Seq Scan on orders')
  for (questionMs of [50, 51]) {
    expect(await ask(questioner, [77])).toEqual(['77'])
    expect(await keptPlan()).toContain('Seq Scan on orders')
  }
  expect(await ask(questioner, [777])).toEqual(['777'])
  expect(await keptPlan()).toContain('Index Scan using orders_pkey')
})

test('a question that cannot even be parsed leaves the transaction usable', async () => {
  const way = waysOf(plan).find(({ kind }) => kind === 'join')
  if (way?.kind !== 'join') throw new Error('no question is asked')
  const row = { id: '1', order_id: '7' }
  const change = rowChange(way.table.relation, 'insert', undefined, row)
  const garbling = {
    query: (query: string | { readonly text: string }, values?: unknown[]) =>
      typeof query === 'string'
        ? client.query(query, values)
        : client.query({ ...query, text: query.text.replace('PREPARE', 'PREPARE )') }),
  }
  await client.query('begin isolation level repeatable read read only')
  const inquiry = { plan, way, images: [{ change, row }] }
  const [answer] = await new Questioner().ask(garbling as unknown as Client, [inquiry], [change])
  expect(answer).toMatchObject({ kind: 'unknown', again: 'never' })
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  await client.query('commit')
})
