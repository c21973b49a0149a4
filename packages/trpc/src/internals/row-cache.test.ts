import superjson from 'superjson'
import { expect, test, vi } from 'vitest'
import { RowCache } from './row-cache.js'

const lines = (rows: readonly unknown[]) => rows.map((row) => superjson.stringify(row)).join('\n')

function setup() {
  const deserialize = vi.fn((value: unknown): unknown => superjson.deserialize(value as never))
  const cache = new RowCache({ serialize: (value) => value, deserialize })
  return { deserialize, read: (rows: readonly unknown[]) => cache.read(lines(rows), rows.length) }
}

const a = { id: 1, at: new Date(1), total: 1n }
const b = { id: 2, at: new Date(2), total: 2n }

test('rows that did not change are the identical objects, wherever they moved', () => {
  const { read } = setup()
  const [first, second] = read([a, b])
  const moved = read([b, { id: 3 }, a])
  expect(moved).toEqual([b, { id: 3 }, a])
  expect(moved[0]).toBe(second)
  expect(moved[2]).toBe(first)
})

test('only lines that are new are parsed', () => {
  const { read, deserialize } = setup()
  read([a, b])
  deserialize.mockClear()
  read([a, b, { id: 3 }])
  expect(deserialize).toHaveBeenCalledTimes(1)
})

test('equal rows stay apart, each with its identity', () => {
  const { read } = setup()
  const before = read([a, a, a])
  expect(new Set(before).size).toBe(3)
  const after = read([a, a])
  expect(after[0]).toBe(before[0])
  expect(after[1]).toBe(before[1])
})

test('a row that went and came back is a new object', () => {
  const { read } = setup()
  const [before] = read([a])
  read([])
  expect(read([a])[0]).not.toBe(before)
})

test('line breaks inside of values separate no rows', () => {
  const { read } = setup()
  const row = { text: 'one\ntwo\r\nthree\u2028four' }
  expect(read([row, row])).toEqual([row, row])
})

test('a message that was cut off is an error', () => {
  const { deserialize } = setup()
  const cache = new RowCache({ serialize: (value) => value, deserialize })
  expect(() => cache.read(lines([a]), 2)).toThrow('announced 2 rows and sent 1')
})
