import { describe, expect, test } from 'vitest'
import type { RawResult } from '../refresh/contract.js'
import { materialize, type Materialized } from './materialize.js'

let parsed = 0
function raw(rows: (string | null)[][], names = ['id', 'name']): RawResult {
  const fields = names.map((name, index) => ({ name, typeOid: index === 0 ? 23 : 25 }))
  const parser = (typeOid: number) => (text: string) => {
    parsed += 1
    return typeOid === 23 ? Number(text) : text
  }
  return { fields, content: { kind: 'rows', rows }, parser }
}
const transform = async (rows: readonly Record<string, unknown>[]) => rows
const options = { ordered: true, transform }

test('rows are parsed by their columns’ types, NULL stays null', async () => {
  const { rows } = await materialize(
    undefined,
    raw([
      ['1', 'Ada'],
      ['2', null],
    ]),
    options,
  )
  expect(rows).toEqual([
    { id: 1, name: 'Ada' },
    { id: 2, name: null },
  ])
})

test('unchanged rows are the identical objects, and are not parsed again', async () => {
  const before = await materialize(
    undefined,
    raw([
      ['1', 'Ada'],
      ['2', 'Grace'],
    ]),
    options,
  )
  parsed = 0
  const after = await materialize(
    before,
    raw([
      ['2', 'Grace'],
      ['1', 'Ada'],
      ['3', 'Edsger'],
    ]),
    options,
  )
  expect(after.rows[0]).toBe(before.rows[1])
  expect(after.rows[1]).toBe(before.rows[0])
  expect(parsed).toBe(2)
})

test('equal rows keep their identity in their order, and a duplicate that goes is one object less', async () => {
  const before = await materialize(
    undefined,
    raw([
      ['1', 'x'],
      ['1', 'x'],
      ['2', 'y'],
    ]),
    options,
  )
  const after = await materialize(
    before,
    raw([
      ['1', 'x'],
      ['2', 'y'],
    ]),
    options,
  )
  expect(after.rows[0]).toBe(before.rows[0])
  expect(after.rows[1]).toBe(before.rows[2])
})

test('an unchanged result is the identical state', async () => {
  const before = await materialize(undefined, raw([['1', 'Ada']]), options)
  expect(await materialize(before, raw([['1', 'Ada']]), options)).toBe(before)
})

test('another order is a change only where the query orders', async () => {
  const first = [
    ['1', 'a'],
    ['2', 'b'],
  ]
  const second = [
    ['2', 'b'],
    ['1', 'a'],
  ]
  const unordered = { ordered: false, transform }
  const loose = await materialize(undefined, raw(first), unordered)
  expect(await materialize(loose, raw(second), unordered)).toBe(loose)
  const strict = await materialize(undefined, raw(first), options)
  expect((await materialize(strict, raw(second), options)).version).not.toBe(strict.version)
})

test('numeric 2.50 is not 2.5, and neighbours do not run together', async () => {
  const version = async (row: (string | null)[]) => (await materialize(undefined, raw([row]), options)).version
  const versions = await Promise.all(
    [
      ['2.50', 'x'],
      ['2.5', 'x'],
      ['2', '50x'],
      ['25', '0x'],
      ['2.5', null],
      ['2.5', ''],
    ].map(version),
  )
  expect(new Set(versions).size).toBe(versions.length)
})

test('a renamed column changes every row', async () => {
  const before = await materialize(undefined, raw([['1', 'Ada']]), options)
  const after = await materialize(before, raw([['1', 'Ada']], ['id', 'label']), options)
  expect(after.rows).toEqual([{ id: 1, label: 'Ada' }])
})

test('rows are frozen, so that no subscriber changes what others see', async () => {
  const { rows } = await materialize(undefined, raw([['1', 'Ada']]), options)
  expect(Object.isFrozen(rows) && Object.isFrozen(rows[0])).toBe(true)
})

test('a NULL is not an empty text, wherever it stands', () => {
  const version = (row: (string | null)[]) =>
    (materialize(undefined, raw([row], ['a', 'b', 'c']), { ordered: true }) as { version: string }).version
  const rows = [
    ['', '', ''],
    [null, '', ''],
    ['', null, ''],
    ['', '', null],
    [null, null, ''],
    [null, null, null],
    ['', '1', ''],
  ]
  expect(new Set(rows.map(version)).size).toBe(rows.length)
})

test('without plugins the answer is there at once', () => {
  expect(materialize(undefined, raw([['1', 'Ada']]), { ordered: true })).not.toBeInstanceOf(Promise)
})

describe('in a row that changed, the objects of columns that did not', () => {
  const fields = ['user_id', 'home_address', 'name'].map((name, index) => ({ name, typeOid: index === 0 ? 23 : index }))
  const parser = (typeOid: number) => (text: string) => (typeOid === 1 ? { city: text } : text)
  type Columns = Record<string, unknown>

  async function twice(plugin: (row: Columns) => Columns) {
    const transform = async (rows: readonly Columns[]) => rows.map(plugin)
    const accept = (name: string, previous?: Materialized<Columns>) =>
      materialize(
        previous,
        { fields, content: { kind: 'rows', rows: [['1', 'Rome', name]] }, parser },
        { ordered: true, transform },
      )
    const before = await accept('Ada')
    return [before.rows[0]!, (await accept('Eve', before)).rows[0]!] as const
  }

  test('stay the identical ones under the names that a plugin gives them', async () => {
    const [before, after] = await twice((row) => ({
      userId: row['user_id'],
      home: row['home_address'],
      name: row['name'],
    }))
    expect(after['home']).toBe(before['home'])
    expect(after).toEqual({ userId: '1', home: { city: 'Rome' }, name: 'Eve' })
  })

  test('are what a plugin makes of other columns too', async () => {
    const [, after] = await twice((row) => ({
      userId: row['user_id'],
      home: { ...(row['home_address'] as object), of: row['name'] },
      name: row['name'],
    }))
    expect(after['home']).toEqual({ city: 'Rome', of: 'Eve' })
  })

  test('are left alone where a plugin adds columns', async () => {
    const [, after] = await twice((row) => ({ ...row, label: { name: row['name'] } }))
    expect(after).toMatchObject({ home_address: { city: 'Rome' }, label: { name: 'Eve' } })
  })
})
