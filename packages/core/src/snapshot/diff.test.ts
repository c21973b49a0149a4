import { describe, expect, test } from 'vitest'
import { diffRows } from './diff.js'

const a = { id: 1, name: 'a' }
const b = { id: 2, name: 'b' }
const c = { id: 3, name: 'c' }
const d = { id: 4, name: 'd' }

test('rows that come and go', () => {
  expect(diffRows([a, b], [b, c])).toEqual([
    { kind: 'remove', from: 0, row: a },
    { kind: 'insert', to: 1, row: c },
  ])
})

test('a row with other values is an update of the columns that changed', () => {
  const row = { id: 2, name: 'B' }
  expect(diffRows([a, b, c], [a, row, c])).toEqual([
    { kind: 'update', from: 1, to: 1, row, previous: b, columns: ['name'] },
  ])
})

test('a row that changed at its place is an update, also where its id is not the only one', () => {
  const [one, other, changed] = [
    { id: 2, name: 'x' },
    { id: 2, name: 'y' },
    { id: 2, name: 'z' },
  ]
  expect(diffRows([a, one, other], [a, one, changed])).toEqual([
    { kind: 'update', from: 2, to: 2, row: changed, previous: other, columns: ['name'] },
  ])
})

test('another row at the same place is no update', () => {
  expect(diffRows([a, b, c], [a, d, c])).toEqual([
    { kind: 'remove', from: 1, row: b },
    { kind: 'insert', to: 1, row: d },
  ])
})

test('only the row that left its place moves', () => {
  expect(diffRows([a, b, c, d], [d, a, b, c])).toEqual([{ kind: 'move', from: 3, to: 0, row: d }])
  expect(diffRows([a, b, c, d], [b, c, d, a])).toEqual([{ kind: 'move', from: 0, to: 3, row: a }])
})

test('a row that moved and changed does both', () => {
  const row = { id: 3, name: 'A' }
  expect(diffRows([a, b, c], [row, a, b])).toEqual([
    { kind: 'move', from: 2, to: 0, row },
    { kind: 'update', from: 2, to: 0, row, previous: c, columns: ['name'] },
  ])
})

test('rows before others that went keep their places', () => {
  expect(diffRows([a, b, c], [c])).toEqual([
    { kind: 'remove', from: 0, row: a },
    { kind: 'remove', from: 1, row: b },
  ])
})

test('nothing changed: no steps', () => expect(diffRows([a, b], [a, b])).toEqual([]))

describe('which rows are the same one', () => {
  test('says `id`, wherever it stands', () => {
    const before = [
      { name: 'x', id: 1 },
      { name: 'y', id: 2 },
    ]
    const after = [before[0]!, { name: 'z', id: 2 }]
    expect(diffRows(before, after).map(({ kind }) => kind)).toEqual(['update'])
  })

  test('says the first column that tells all rows apart', () => {
    const before = [
      { shop: 1, code: 'x', n: 1 },
      { shop: 1, code: 'y', n: 2 },
    ]
    const after = [before[0]!, { shop: 1, code: 'y', n: 3 }]
    expect(diffRows(before, after)).toMatchObject([{ kind: 'update', to: 1, columns: ['n'] }])
  })

  test('say two columns where one is not enough', () => {
    const before = [
      { order: 1, line: 1, n: 5 },
      { order: 1, line: 2, n: 5 },
      { order: 2, line: 1, n: 5 },
    ]
    const after = [before[0]!, { order: 1, line: 2, n: 6 }, before[2]!]
    expect(diffRows(before, after)).toMatchObject([{ kind: 'update', to: 1, columns: ['n'] }])
  })

  test('nothing says: a change is a row that went and one that came', () => {
    const before = [{ n: 1 }, { n: 1 }, { n: 2 }]
    const after = [before[0]!, before[1]!, { n: 3 }]
    expect(diffRows(before, after).map(({ kind }) => kind)).toEqual(['remove', 'insert'])
  })

  test('a value that is missing is no key', () => {
    const before = [{ n: null as number | null, name: 'a' }]
    expect(diffRows(before, [{ n: null, name: 'b' }]).map(({ kind }) => kind)).toEqual(['remove', 'insert'])
  })
})
