import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  CamelCasePlugin,
} from 'kysely'
import pg from 'pg'
import { describe, expect, test, vi } from 'vitest'
import type { Plan, PlanTable } from '../analyze/plan.js'
import { rowChange, type RowChange } from '../change.js'
import { RefreshFilterError } from '../errors.js'
import { namesOf } from './names.js'
import { RefreshFilter } from './refresh-filter.js'
import { result, type RefreshOption } from './refresh-option.js'

interface Database {
  orderItems: { orderId: number; status: string | null; price: string; seenAt: Date }
}

const db = new Kysely<Database>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (it) => new PostgresIntrospector(it),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
  plugins: [new CamelCasePlugin()],
})

const table: PlanTable = {
  relation: 1,
  schema: 'public',
  name: 'order_items',
  label: 'order_items',
  columns: 'all',
  family: [1],
  ancestors: [],
  columnTypes: { order_id: 23, status: 25, price: 1700, seen_at: 1184 },
  comparable: {},
}

interface Row {
  id: number
}

const inserted = (row: Record<string, string | null>) => rowChange(1, 'insert', undefined, row)
const updated = (before: Record<string, string | null>, after: Record<string, string | null>) =>
  rowChange(1, 'update', before, after)

async function decides(option: RefreshOption<Database, Row>, change: RowChange, rows: Row[] = []) {
  const onError = vi.fn<(error: Error) => void>()
  const filter = new RefreshFilter<Database, Row>(
    option,
    {
      db,
      names: namesOf(db),
      parsers: (typeOid) => pg.types.getTypeParser(typeOid, 'text') as (text: string) => unknown,
      onError,
    },
    () => rows,
  )
  filter.check({ tables: [table] } as unknown as Plan)
  const decision = await filter.decide({ reasons: [], certain: false, undecided: [{ table, change }], changes: [] })
  return { decision, onError }
}

const accepts = async (...args: Parameters<typeof decides>) => (await decides(...args)).decision

describe('the refresh map', () => {
  test('a literal matches the old or the new value', async () => {
    const option = { orderItems: { status: 'active' } }
    expect(await accepts(option, inserted({ status: 'active' }))).toBe(true)
    expect(await accepts(option, updated({ status: 'active' }, { status: 'done' }))).toBe(true)
    expect(await accepts(option, updated({ status: 'new' }, { status: 'active' }))).toBe(true)
    expect(await accepts(option, updated({ status: 'new' }, { status: 'done' }))).toBe(false)
  })

  test('null matches null, and not a row that does not exist', async () => {
    const option = { orderItems: { status: null } }
    expect(await accepts(option, updated({ status: null }, { status: 'done' }))).toBe(true)
    expect(await accepts(option, inserted({ status: 'done' }))).toBe(false)
  })

  test('literals compare as the column’s values: numbers with numeric text, dates by time', async () => {
    expect(await accepts({ orderItems: { price: 2.5 as never } }, inserted({ price: '2.50' }))).toBe(true)
    const seenAt = new Date('2026-01-02T03:04:05Z')
    expect(await accepts({ orderItems: { seenAt } }, inserted({ seen_at: '2026-01-02 03:04:05+00' }))).toBe(true)
  })

  test('a predicate sees the old and the new value; either true refreshes', async () => {
    const option = { orderItems: { orderId: (id: number | null) => id === 7 } }
    expect(await accepts(option, updated({ order_id: '7' }, { order_id: '8' }))).toBe(true)
    expect(await accepts(option, updated({ order_id: '8' }, { order_id: '9' }))).toBe(false)
  })

  test('result() matches values that the present result has; an empty result matches nothing', async () => {
    const option = { orderItems: { orderId: result('id') } }
    expect(await accepts(option, inserted({ order_id: '3' }), [{ id: 3 }])).toBe(true)
    expect(await accepts(option, inserted({ order_id: '4' }), [{ id: 3 }])).toBe(false)
    expect(await accepts(option, inserted({ order_id: '4' }), [])).toBe(false)
  })

  test('several columns mean OR', async () => {
    const option = { orderItems: { status: 'active', orderId: 7 } }
    expect(await accepts(option, inserted({ status: 'done', order_id: '7' }))).toBe(true)
    expect(await accepts(option, inserted({ status: 'done', order_id: '8' }))).toBe(false)
  })

  test('a digest of a large value cannot be judged, so it refreshes', async () => {
    const change = rowChange(1, 'insert', undefined, { status: 'sha256:00' }, new Set(['status']))
    expect(await accepts({ orderItems: { status: 'active' } }, change)).toBe(true)
  })

  test('fault 02: a predicate that throws refreshes, and is reported', async () => {
    const option = {
      orderItems: {
        orderId: () => {
          throw new Error('broken')
        },
      },
    }
    const { decision, onError } = await decides(option, inserted({ order_id: '1' }))
    expect(decision).toBe(true)
    expect(onError.mock.calls[0]![0]).toBeInstanceOf(RefreshFilterError)
  })

  test('names that the query does not have are refused', async () => {
    await expect(decides({ nowhere: { status: 'x' } } as never, inserted({}))).rejects.toThrow('does not read')
    await expect(decides({ orderItems: { statsu: 'x' } } as never, inserted({}))).rejects.toThrow('does not exist')
  })
})

describe('the refresh function', () => {
  test('sees decoded values under the application’s names', async () => {
    const seen = vi.fn<(change: unknown) => boolean>(() => true)
    await accepts(
      ({ change }) => seen(change),
      updated({ order_id: '7', price: '1.50' }, { order_id: '8', price: '1.50' }),
    )
    expect(seen.mock.calls[0]![0]).toEqual({
      operation: 'update',
      table: 'orderItems',
      row: { orderId: 8, price: '1.50' },
      changes: { orderId: [7, 8] },
      hashed: new Set(),
    })
  })

  test('its answer decides; "default" falls back to refreshing', async () => {
    expect(await accepts(() => false, inserted({}))).toBe(false)
    expect(await accepts(async () => true, inserted({}))).toBe(true)
    expect(await accepts(() => 'default', inserted({}))).toBe(true)
    expect(await accepts({ orderItems: () => undefined }, inserted({}))).toBe(false)
    expect(await accepts({}, inserted({}))).toBe(true)
  })
})
