/** Of a large result, only the rows that changes touch are read again, and it is what reading everything would give. */
import { sql, type Kysely } from 'kysely'
import { describe, expect, test, vi } from 'vitest'
import type { RealtimeOptions } from '../src/index.js'
import { Shapes } from '../src/refresh/shape.js'
import { openDatabase, type TestData } from './support/database.js'

interface Warehouse {
  crates: { id: number; place: string; weight: number; owner: number; note: string | null }
  owners: { id: number; name: string }
  shelves: { hall: number; shelf: string; load: number }
}

const SCHEMA = `
  create table owners (id int primary key, name text not null);
  create table crates (id int primary key, place text not null, weight int not null, owner int not null, note text);
  create table shelves (hall int, shelf text, load int not null, primary key (hall, shelf));
  insert into owners select g, 'owner ' || g from generate_series(1, 5) g;
  insert into crates select g * 10, 'p' || g % 7, g % 50, 1 + g % 5 from generate_series(1, 300) g;
  insert into shelves select h, s::text, h * s from generate_series(1, 20) h, generate_series(1, 15) s;
`

type Query = Parameters<ReturnType<TestData<Warehouse>['engine']>['live']>[0]
type Statements = { readonly text: string; readonly values: readonly unknown[] }[]

/** The statements of the pool's connections that read rows of the live query. */
function recordReads({ pool }: TestData<Warehouse>): Statements {
  const reads: Statements = []
  pool.on('connect', (client) => {
    const send = client.query.bind(client) as (...args: unknown[]) => unknown
    const query = (config: string | { text: string; values?: unknown[] }, ...rest: unknown[]) => {
      const { text, values = [] } = typeof config === 'string' ? { text: config } : config
      if (/^(select|EXECUTE)/m.test(text) && /crates|shelves|EXECUTE/.test(text)) reads.push({ text, values })
      return send(config, ...rest)
    }
    Object.assign(client, { query })
  })
  return reads
}

const isPart = ({ text }: { readonly text: string }) => text.startsWith('select * from (')

/** Makes the change while the query is live, and compares with an engine that reads everything; what was read meanwhile. */
async function readsFor(
  query: (db: Kysely<Warehouse>) => Query,
  changes: readonly string[],
  options: Partial<RealtimeOptions<Warehouse>> = {},
) {
  await using data = await openDatabase<Warehouse>(SCHEMA)
  const reads = recordReads(data)
  await using realtime = data.engine(options)
  const whole = data.application()
  await using other = data.engine({ ...whole }, { shapes: new Shapes(false, Infinity) })
  const [live, expected] = [realtime.live(query(data.db)), other.live(query(whole.db))]
  const before = await live.ready
  await expected.ready
  await Promise.all([realtime.settle(), other.settle()])
  reads.length = 0
  for (const change of changes) await data.run(change)
  await Promise.all([realtime.barrier(), other.barrier()])
  expect(live.rows).toEqual(expected.rows)
  expect(live.version).toBe(expected.version)
  expect([...realtime.errors, ...other.errors].map(String)).toEqual([])
  const seen = reads.filter(({ text }) => !/PREPARE|DEALLOCATE/.test(text))
  const kept = live.rows.filter((row) => before.includes(row)).length
  return { reads: seen, parts: seen.filter(isPart), kept, before, rows: live.rows }
}

const byWeight = (db: Kysely<Warehouse>): Query =>
  db.selectFrom('crates').selectAll().where('weight', '>=', 5).orderBy('weight', 'desc').orderBy('id')
const unordered = (db: Kysely<Warehouse>): Query =>
  db.selectFrom('crates').select(['id', 'weight', 'note']).where('weight', '<', 100)
const withOwner = (db: Kysely<Warehouse>): Query =>
  db
    .selectFrom('crates')
    .innerJoin('owners', 'owners.id', 'crates.owner')
    .select(['crates.id', 'crates.weight', 'owners.id as owner_id', 'owners.name'])
    .orderBy('crates.id')
const shelves = (db: Kysely<Warehouse>): Query => db.selectFrom('shelves').selectAll().orderBy('hall').orderBy('shelf')

describe('read in part', () => {
  test.each<[string, (db: Kysely<Warehouse>) => Query, readonly string[], readonly unknown[]]>([
    ['a row that keeps its place', byWeight, [`update crates set note = 'x' where id = 400`], [5, '{"400"}']],
    ['a row that moves', byWeight, [`update crates set weight = 20 where id = 400`], [5, '{"400"}']],
    ['a row that leaves', byWeight, [`update crates set weight = 1 where id = 400`], [5, '{"400"}']],
    ['a row that comes', byWeight, [`update crates set weight = 33 where id = 500`], [5, '{"500"}']],
    ['a row with another key', byWeight, [`update crates set id = 405 where id = 400`], [5, '{"400","405"}']],
    [
      'a row that goes and comes again',
      byWeight,
      [
        `with gone as (delete from crates where id = 400 returning 1) select count(*) from gone`,
        `insert into crates values (400, 'new', 30, 1)`,
      ],
      [5, '{"400"}'],
    ],
    [
      'two rows that swap',
      byWeight,
      [`update crates set weight = 34 - weight where id in (150, 190)`],
      [5, '{"150","190"}'],
    ],
    [
      'no order',
      unordered,
      [`insert into crates values (1, 'new', 30, 1); delete from crates where id = 20`],
      [100, '{"1","20"}'],
    ],
    ['a join, one side', withOwner, [`update crates set owner = 3 where id = 10`], ['{"10"}']],
    ['a join, the other side', withOwner, [`update owners set name = 'y' where id = 3`], ['{"3"}']],
    [
      'a key of two columns',
      shelves,
      [`update shelves set load = 0 where hall = 3 and shelf in ('5', '6')`],
      [3, '5', 3, '6'].map(String),
    ],
  ])('%s', async (_, query, changes, values) => {
    const { parts, reads, kept, before } = await readsFor(query, changes)
    expect(parts.length).toBe(reads.length)
    expect(parts.length).toBeGreaterThan(0)
    const all = new Set(parts.flatMap((part) => part.values.flatMap((value) => String(value).match(/[^{},"]+/g) ?? [])))
    expect([...all].toSorted()).toEqual(
      [...new Set(values.flatMap((value) => String(value).match(/[^{},"]+/g) ?? []))].toSorted(),
    )
    const mostTouched = query === withOwner ? 60 : 3
    expect(kept).toBeGreaterThanOrEqual(before.length - mostTouched)
  })
})

describe('read as a whole', () => {
  test.each<[string, (db: Kysely<Warehouse>) => Query, readonly string[]]>([
    [
      'both sides of a join',
      withOwner,
      [`begin; update crates set weight = 9 where id = 10; update owners set name = 'y' where id = 3; commit`],
    ],
    ['a table that is emptied', byWeight, ['truncate crates']],
    ['more rows than are worth it', byWeight, [`update crates set note = 'x' where id <= 1500`]],
    [
      'a new row in an order of texts',
      (db) => db.selectFrom('crates').selectAll().orderBy('place').orderBy('id'),
      [`insert into crates values (1, 'a', 1, 1)`],
    ],
    [
      'a result of few rows',
      (db) => db.selectFrom('crates').selectAll().where('weight', '=', 7).orderBy('id'),
      [`update crates set note = 'x' where id = 70`],
    ],
    [
      'a limit',
      (db) => byWeight(db) && db.selectFrom('crates').selectAll().orderBy('id').limit(250),
      [`update crates set note = 'x' where id = 70`],
    ],
  ])('%s', async (_, query, changes) => {
    const { reads, parts } = await readsFor(query, changes)
    const isMisfit = parts.length > 0 && reads.length > parts.length
    expect(isMisfit || (parts.length === 0 && reads.length > 0)).toBe(true)
  })

  test('after changes that may have been missed', async () => {
    await using data = await openDatabase<Warehouse>(SCHEMA)
    const reads = recordReads(data)
    const lost: { gap?: string } = {}
    await using realtime = data.engine(
      {},
      {
        source: (source) => ({
          start: (...args) => source.start(...args),
          watch: (tables) => source.watch(tables),
          audit: (control) => source.audit(control),
          stop: () => source.stop(),
          writesNext: () => source.writesNext(),
          read: async (transaction) => {
            const batch = await source.read(transaction)
            // One change is lost, and the source says so.
            return lost.gap ? { ...batch, changes: batch.changes.slice(1), gap: lost.gap } : batch
          },
        }),
      },
    )
    const live = realtime.live(byWeight(data.db))
    await live.ready
    await realtime.settle()
    reads.length = 0
    lost.gap = 'the test lost a change'
    await data.run(`update crates set note = 'lost' where id = 400; update crates set note = 'kept' where id = 410`)
    await realtime.barrier()
    expect(reads.some(isPart)).toBe(false)
    expect(live.rows.filter((row) => (row as { note: unknown }).note !== null)).toHaveLength(2)
  })
})

test('while a query fails, what changes meanwhile is not forgotten', async () => {
  await using data = await openDatabase<Warehouse>(SCHEMA)
  const reads = recordReads(data)
  await using realtime = data.engine()
  const live = realtime.live(
    data.db
      .selectFrom('crates')
      .select(['id', 'note', sql<number>`1000 / weight`.as('per')])
      .where('weight', '<>', 0)
      .where((eb) => eb.or([eb('weight', '>', 0), eb(sql<number>`1 / (weight + 1)`, '=', 1)]))
      .orderBy('id'),
  )
  await live.ready
  await realtime.settle()
  await data.run(`update crates set weight = -1 where id = 10`)
  await expect(realtime.barrier()).rejects.toThrow('could not be refreshed')
  expect(live.status).toBe('stale')
  reads.length = 0
  const second = data.run(`update crates set note = 'second' where id = 20`)
  await data.run(`update crates set note = 'third', weight = 3 where id = 10`)
  await second
  await vi.waitFor(() => expect(live.status).toBe('live'))
  await realtime.barrier()
  expect(live.rows).toEqual(await data.run(live.explain().sql, [...live.explain().parameters]))
  expect(reads.some(isPart)).toBe(false)
})

test('changes that a refresh option holds back are shown with the next one that it lets through', async () => {
  await using data = await openDatabase<Warehouse>(SCHEMA)
  await using realtime = data.engine()
  const query = data.db.selectFrom('crates').selectAll().orderBy('id')
  const live = realtime.live(query, { refresh: ({ change }) => change.row.id === 20 })
  await live.ready
  await realtime.settle()
  await data.run(`update crates set note = 'held back' where id = 10`)
  await realtime.barrier()
  expect(live.rows[0]!.note).toBeNull()
  await data.run(`update crates set note = 'let through' where id = 20`)
  await realtime.barrier()
  expect(live.rows.slice(0, 2).map(({ note }) => note)).toEqual(['held back', 'let through'])
})

test('changes of a throttle window are read together', async () => {
  const { parts, reads } = await readsFor(
    byWeight,
    [400, 410, 420].map((id) => `update crates set weight = weight + 7 where id = ${id}`),
    { throttleMs: 60 },
  )
  expect(parts.length).toBe(reads.length)
  expect(parts.length).toBeLessThanOrEqual(3)
})
