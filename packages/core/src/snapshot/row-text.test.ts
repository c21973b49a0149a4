import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { columnAt, columnTexts, endOfColumn, ownQuotes, rowEnds, rowText } from './row-text.js'

const ROWS = [
  ['1', 'paid', null, 'two words'],
  ['', '"', '""', '\\'],
  [null, null, null, null],
  ['(', ')', ')(', ','],
  ['a"b\\c', '\\"', '","', ' '],
  ['à', '日本', '\u00a0', 'a\nb'],
  ['x'.repeat(40), 'y "z" '.repeat(10), '\t', '-'],
]

test('the columns come out of a text as they went in', () => {
  for (const row of ROWS) expect(columnTexts(rowText(row), row.length)).toEqual(row)
  expect(new Set(ROWS.map(rowText)).size).toBe(ROWS.length)
  expect([rowText([]), columnTexts('()', 0)]).toEqual(['()', []])
  expect([rowText([null]), rowText([''])]).toEqual(['()', '("")'])
})

test('rows that follow one another are told apart', () => {
  const texts = ROWS.map(rowText)
  let start = 0
  const parts = rowEnds(texts.join('')).map((end) => texts.join('').slice(start, (start = end)))
  expect(parts).toEqual(texts)
  expect(rowEnds('')).toEqual([])
  expect(rowEnds('()()')).toEqual([2, 4])
})

test('quotes that only the locale of the server asks for are left out', () => {
  expect(ownQuotes('(1,"à",x)("\u00a0","a b",)', 3)).toBe('(1,à,x)(\u00a0,"a b",)')
  const own = ROWS.map(rowText).join('')
  expect(ownQuotes(own, 4)).toBe(own)
})

test('a value does not keep the text alive from which it was taken', () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const used = () => (gc(), process.memoryUsage().heapUsed)
  const before = used()
  const values = Array.from({ length: 100 }, (_, index) => {
    const text = `(${index},"${'long text, '.repeat(20_000)}",a-value-of-its-own-${index})`
    const at = endOfColumn(text, endOfColumn(text, 1) + 1) + 1
    return columnAt(text, at, endOfColumn(text, at))
  })
  expect(used() - before).toBeLessThan(5_000_000)
  expect(values[7]).toBe('a-value-of-its-own-7')
})
