import { describe, expect, test } from 'vitest'
import type { Plan, PlanTable } from '../analyze/plan.js'
import { rowChange, tableChange, type Change } from '../change.js'
import type { Ask, ChangeFilter, Routable } from './contract.js'
import { Router } from './router.js'

const FILTER: ChangeFilter = { isAsync: false, decide: async () => false }
/** These queries have no joins to ask about. */
const NOBODY: Ask = () => Promise.reject(new Error('nobody answers'))
const ROOT = 10
const PARTITION = 11
const OTHER = 20

function table(overrides: Partial<PlanTable> = {}): PlanTable {
  return {
    relation: PARTITION,
    schema: 'public',
    name: 'orders',
    label: 'orders',
    columns: new Set(['status']),
    family: [PARTITION, ROOT],
    ancestors: [ROOT],
    columnTypes: {},
    comparable: {},
    ...overrides,
  }
}

function query(overrides: Partial<PlanTable> = {}, isFiltered = false): Routable {
  return {
    plan: { tables: [table(overrides)], occurrences: [], parameterTypes: [] } as unknown as Plan,
    parameters: [],
    filter: isFiltered ? FILTER : undefined,
    isUnsettled: false,
    lastRow: undefined,
  }
}

const update = (before: Record<string, string | null>, after: Record<string, string | null>, relation = PARTITION) =>
  rowChange(relation, 'update', before, after)

async function isHit(change: Change, overrides: Partial<PlanTable> = {}): Promise<boolean> {
  const router = new Router<ReturnType<typeof query>>()
  const it = query(overrides)
  router.add(it)
  return (await router.route([change], NOBODY)).has(it)
}

describe('routing by table, operation and column', () => {
  test('inserts and deletes reach every query on the table, also one that names no column', async () => {
    expect(await isHit(rowChange(PARTITION, 'insert', undefined, { id: '1' }), { columns: new Set() })).toBe(true)
    expect(await isHit(rowChange(PARTITION, 'delete', { id: '1' }, undefined), { columns: new Set() })).toBe(true)
  })

  test('an update reaches it when a column of the plan changed, and only then', async () => {
    expect(await isHit(update({ status: 'a', note: 'x' }, { status: 'b', note: 'x' }))).toBe(true)
    expect(await isHit(update({ status: 'a', note: 'x' }, { status: 'a', note: 'y' }))).toBe(false)
  })

  test('columns are compared by text: 2.5 and 2.50 differ', async () => {
    expect(await isHit(update({ status: '2.5' }, { status: '2.50' }))).toBe(true)
  })

  test('NULL and an empty string differ', async () => {
    expect(await isHit(update({ status: null }, { status: '' }))).toBe(true)
  })

  test('a whole row counts every column, and an update that changes nothing is dropped', async () => {
    expect(await isHit(update({ status: 'a', note: 'x' }, { status: 'a', note: 'y' }), { columns: 'all' })).toBe(true)
    expect(await isHit(update({ status: 'a' }, { status: 'a' }), { columns: 'all' })).toBe(false)
  })

  test('an excluded column of the plan may have changed in any update', async () => {
    expect(await isHit(update({ note: 'x' }, { note: 'x' }))).toBe(true)
    const excluded = rowChange(PARTITION, 'update', { note: 'x' }, { note: 'x' }, new Set(['secret']))
    expect(await isHit(excluded, { columns: 'all' })).toBe(true)
  })

  test('an update through a parent may have moved the row, whatever its columns', async () => {
    expect(await isHit(update({ status: 'a', region: 'eu' }, { status: 'a', region: 'us' }, ROOT))).toBe(true)
  })

  test('truncate and bulk reach every query on the table', async () => {
    expect(await isHit(tableChange('truncate', ROOT))).toBe(true)
    expect(await isHit(tableChange('bulk', PARTITION))).toBe(true)
    expect(await isHit(tableChange('bulk', OTHER))).toBe(false)
  })

  test('a filter decides on row changes, and never on a change of the whole table', async () => {
    const router = new Router<ReturnType<typeof query>>()
    const filtered = query({}, true)
    router.add(filtered)
    const insert = rowChange(PARTITION, 'insert', undefined, { status: 'a' })
    expect((await router.route([insert], NOBODY)).get(filtered)).toMatchObject({
      certain: false,
      undecided: [{ change: insert }],
    })
    expect((await router.route([insert, tableChange('truncate', ROOT)], NOBODY)).get(filtered)).toMatchObject({
      certain: true,
    })
  })

  test('a removed query is reached no more', async () => {
    const router = new Router<ReturnType<typeof query>>()
    const it = query()
    router.add(it)
    router.remove(it)
    expect((await router.route([tableChange('truncate', ROOT)], NOBODY)).size).toBe(0)
  })
})
