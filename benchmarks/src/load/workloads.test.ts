import { expect, test } from 'vitest'
import { Shown } from './shown.js'
import { MIXED, SIMPLE } from './workloads.js'

const shop = { customers: 40, ordersPerCustomer: 20, itemsPerOrder: 5 }
const order = { table: 'orders', stamp: 1_000 } as const

test('a write of an order is shown by its own pages and by those of its customer', () => {
  expect(MIXED.showing({ ...order, id: 43 }, shop)).toEqual([
    { kind: 'detail', id: 43 },
    { kind: 'spending', id: 3 },
    { kind: 'document', id: 43 },
  ])
  // The last of the customer's twenty.
  expect(MIXED.showing({ ...order, id: 763 }, shop)[0]).toEqual({ kind: 'latest', id: 3 })
})

test('a write of an item is shown by the pages of its order, and by no list of orders', () => {
  const kinds = MIXED.showing({ table: 'items', id: 763 + 800, stamp: 1_000 }, shop)
  expect(kinds).toEqual(MIXED.showing({ ...order, id: 763 }, shop).slice(1))
})

test.each([MIXED, SIMPLE])('no two live queries of $name are the same', (workload) => {
  for (const count of [16, 1_000, 20_000]) {
    const watched = workload.watched(count, workload.shop(count))
    expect(new Set(watched.map(({ kind, id }) => `${kind} ${id}`)).size).toBe(count)
  }
})

test('a write is shown when the last of its pages shows it, or a later one', () => {
  const shown = new Shown(MIXED, shop)
  expect(shown.latency({ ...order, id: 43 })).toBeUndefined()
  const detail = shown.take({ kind: 'detail', id: 43 })
  const spending = shown.take({ kind: 'spending', id: 3 })
  detail([{ id: 1, written_at: 0, ordered_at: 1_000 }])
  expect(shown.latency({ ...order, id: 43 })).toBe(Infinity)
  spending([{ ordered_at: 1_200, written_at: 0 }])
  expect(shown.latency({ ...order, id: 43 })).toBeLessThan(Infinity)
  expect(shown.latency({ ...order, id: 43, stamp: 1_100 })).toBe(Infinity)
  shown.forget()
  expect(shown.latency({ ...order, id: 43 })).toBe(Infinity)
})

test('a document shows the stamps of the items in it', () => {
  const shown = new Shown(MIXED, shop)
  shown.take({ kind: 'document', id: 43 })([{ id: 43, written_at: 0, items: [{ id: 43, written_at: 1_000 }] }])
  expect(shown.latency({ table: 'items', id: 43, stamp: 1_000 })).toBeLessThan(Infinity)
})
