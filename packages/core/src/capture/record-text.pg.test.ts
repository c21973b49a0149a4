import { expect, test } from 'vitest'
import { createDatabase } from '@pg-realtime/tooling/postgres'
import { parseRecord } from './record-text.js'

const ALPHABET = ['a', ' ', ',', '"', '\\', '(', ')', '\n', '\t', 'ä', '🙂', "'", '{', '}', '\u0001']

/** A small generator of numbers, so that a failure can be repeated. */
function sequence(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
}

test('reads what PostgreSQL writes, whatever the values are', async () => {
  await using database = await createDatabase()
  const client = await database.connect()
  const next = sequence(20_261)
  const text = (): string | null =>
    next(6) === 0 ? null : Array.from({ length: next(7) }, () => ALPHABET[next(ALPHABET.length)]).join('')
  const rows = Array.from({ length: 2_000 }, () => [text(), text(), text()])
  const { rows: written } = await client.query<{ record: string; nested: string }>(
    `select row(a, b, c)::text as record, row(row(a, b)::text, c)::text as nested
     from jsonb_to_recordset($1) r(position int, a text, b text, c text) order by position`,
    [JSON.stringify(rows.map(([a, b, c], position) => ({ position, a, b, c })))],
  )
  written.forEach(({ record, nested }, index) => {
    const [a, b, c] = rows[index] as [string | null, string | null, string | null]
    expect(parseRecord(record, 3)).toEqual([a, b, c])
    const [inner, last] = parseRecord(nested, 2)
    expect(parseRecord(inner ?? '', 2)).toEqual([a, b])
    expect(last).toBe(c)
  })
})
