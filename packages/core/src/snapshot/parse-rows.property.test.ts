import { expect, test } from 'vitest'
import type { RawResult } from '../refresh/contract.js'
import { materialize, type Materialized } from './materialize.js'
import { rowText } from './row-text.js'

type Columns = Readonly<Record<string, unknown>>
type RawRow = readonly (string | null)[]

const NAMES = ['a', 'b', 'a', 'c', '1']
const OBJECT = 114
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  23: Number,
  25: String,
  [OBJECT]: (text) => ({ text }),
}
const VALUES = [null, '', '1', '12', '2', 'a,b', 'a', '"', '"",', '(\\', 'several words', 'several words, too']

/** A linear congruence: the same seed makes the same results. */
function below(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

function resultOf(rows: readonly RawRow[], types: readonly number[], asText: boolean): RawResult {
  const fields = types.map((typeOid, index) => ({ name: NAMES[index]!, typeOid }))
  const content = asText
    ? ({ kind: 'text', text: rows.map(rowText).join('') } as const)
    : ({ kind: 'rows', rows } as const)
  return { fields, content, parser: (typeOid) => PARSERS[typeOid]! }
}

test.each(['plain values', 'some objects', 'the same name twice'])(
  'a result made of the one before is the one that is made anew: %s',
  (kind) => {
    const random = below(7)
    const types = {
      'plain values': [23, 25],
      'some objects': [25, OBJECT],
      'the same name twice': [23, 25, 25, 25, 23],
    }[kind]!
    const valueOf = (type: number) => {
      if (type === 23) return String(random(300))
      return type === OBJECT && random(3) > 0 ? null : VALUES[random(VALUES.length)]!
    }
    let rows: RawRow[] = []
    let before: Materialized<Columns> | undefined
    for (let round = 0; round < 1_000; round++) {
      const next = rows.filter(() => random(10) > 0)
      for (const [index, row] of next.entries()) {
        if (random(3) === 0) next[index] = row.map((value, at) => (random(2) === 0 ? valueOf(types[at]!) : value))
      }
      if (random(3) === 0 && next.length < 8) next.splice(random(next.length + 1), 0, types.map(valueOf))
      rows = next
      const asText = random(2) === 0
      const after = now(before, resultOf(rows, types, asText))
      const { rows: expected, text, ends, version } = now(undefined, resultOf(rows, types, !asText))
      expect(after).toMatchObject({ text, ends, version })
      expect(after.rows).toEqual(expected)
      const objects = after.rows.flatMap((row) => Object.values(row)).filter(isObject)
      expect(new Set(objects).size).toBe(objects.length)
      before = after
    }
  },
)

function now(before: Materialized<Columns> | undefined, result: RawResult): Materialized<Columns> {
  return materialize<Columns>(before, result, { ordered: true }) as Materialized<Columns>
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
