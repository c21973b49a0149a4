import { describe, expect, test } from 'vitest'
import type { ValueKind } from '../analyze/plan.js'
import { canonical, compare, comparesAs } from './values.js'

describe('equal values have one text', () => {
  test.each<[ValueKind, string[]]>([
    ['number', ['1', '01', '+1', ' 1 ', '1.0', '1.000']],
    ['number', ['0', '-0', '0.00', '.0']],
    ['number', ['-12.5', '-12.50', '-012.5']],
    ['number', ['100', '100.0']],
    ['uuid', ['0F8FAD5B-D9CB-469F-A165-70867728950E', '{0f8fad5bd9cb469fa16570867728950e}']],
    ['boolean', ['t', 'true', 'TRUE', 'yes', 'on', '1']],
    ['boolean', ['f', 'false', 'no', 'off', '0']],
    ['date', ['2024-02-29', '2024-02-29T10:00:00.000+01:00']],
    ['timestamp', ['2024-02-29 10:00:00', '2024-02-29T10:00:00.000+05:00']],
    ['timestamptz', ['2024-02-29 10:00:00+00', '2024-02-29T11:00:00.000+01:00', '2024-02-29 10:00:00Z']],
    ['text', ['a']],
  ])('%s %j', (kind, texts) => {
    const all = new Set(texts.map((text) => canonical(kind, text)))
    expect(all.size).toBe(1)
    expect(all).not.toContain(undefined)
  })
})

describe('other values have other texts', () => {
  test.each<[ValueKind, string[]]>([
    ['number', ['1', '10', '100', '-1', '0.1', '0.01', '1.1', '11']],
    ['text', ['a', 'A', 'a ', '']],
    ['timestamptz', ['2024-02-29 10:00:00+00', '2024-02-29 10:00:00+01', '2024-02-29 10:00:00.000001+00']],
  ])('%s %j', (kind, texts) => {
    expect(new Set(texts.map((text) => canonical(kind, text))).size).toBe(texts.length)
  })
})

describe('what is not understood says so', () => {
  test.each<[ValueKind, string]>([
    ['number', '1e3'],
    ['number', 'NaN'],
    ['number', ''],
    ['number', '.'],
    ['number', 'Infinity'],
    ['number', '0x1F'],
    ['uuid', 'x'],
    ['boolean', 'tr'],
    ['date', 'infinity'],
    ['date', '0044-03-15 BC'],
    ['date', 'yesterday'],
    ['timestamp', '0044-03-15 10:00:00 BC'],
    ['timestamp', '0050-03-15 10:00:00'],
    ['timestamptz', '2024-02-29 10:00:00'],
    ['timestamptz', '2024-02-29 10:00:00 Europe/Zurich'],
  ])('%s %j', (kind, text) => {
    expect(canonical(kind, text)).toBeUndefined()
  })
})

describe('order', () => {
  test('numbers of any length sort by value', () => {
    const sorted = [
      '-100',
      '-20',
      '-3.5',
      '-3.25',
      '0',
      '0.01',
      '0.1',
      '3',
      '12',
      '12.5',
      '100',
      '99999999999999999999',
    ]
    const shuffled = [...sorted].reverse()
    expect(shuffled.toSorted((left, right) => compare('number', left, right)!)).toEqual(sorted)
  })

  test('points in time sort across their offsets', () => {
    expect(compare('timestamptz', '2024-02-29 10:00:00+02', '2024-02-29 09:00:00+00')).toBeLessThan(0)
    expect(compare('timestamptz', '2024-02-29 10:00:00.000002+00', '2024-02-29 10:00:00.000001+00')).toBeGreaterThan(0)
    expect(compare('timestamptz', '2024-02-29 10:00:00+00', '2024-02-29 12:00:00+02')).toBe(0)
  })

  test('text sorts by a collation that is not known here', () => {
    expect(compare('text', 'a', 'b')).toBeUndefined()
    expect(compare('text', 'a', 'a')).toBe(0)
    expect(compare('enum', 'low', 'high')).toBeUndefined()
  })
})

test('a parameter of another kind of type is not compared by text', () => {
  expect(comparesAs('number', 'integer', 'bigint')).toBe(true)
  expect(comparesAs('number', 'integer', 'double precision')).toBe(false)
  expect(comparesAs('text', 'text', 'character varying')).toBe(true)
  expect(comparesAs('text', 'text', 'character')).toBe(false)
  expect(comparesAs('enum', 'public.mood', 'public.mood')).toBe(true)
  expect(comparesAs('enum', 'public.mood', 'text')).toBe(false)
  expect(comparesAs('text', 'text', undefined)).toBe(false)
})
