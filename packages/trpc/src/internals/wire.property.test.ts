import { diffRows } from '@pg-realtime/core/snapshot'
import SuperJSON from 'superjson'
import { expect, test } from 'vitest'
import { Projection, type RowMapper } from './projection.js'
import { RowCache } from './row-cache.js'
import type { DataTransformer } from './transformer.js'

interface Row {
  readonly id: number
  readonly name: string | null
  readonly at: Date
  readonly tags: readonly string[]
  readonly price: { readonly cents: number } | null
}

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

let lastId = 0
const someRow = (random: () => number): Row => ({
  id: ++lastId,
  name: random() < 0.2 ? null : `n${Math.floor(random() * 3)}\n"`,
  at: new Date(Math.floor(random() * 3)),
  tags: ['t', String(Math.floor(random() * 2))],
  price: random() < 0.5 ? null : { cents: Math.floor(random() * 3) },
})

/** A next list: the identical objects for rows that did not change, as a live query has them. */
function next(rows: readonly Row[], random: () => number): Row[] {
  const result = rows
    .filter(() => random() > 0.08)
    .map((row) => (random() < 0.1 ? { ...someRow(random), id: row.id } : row))
  if (random() < 0.6) result.splice(Math.floor(random() * (result.length + 1)), 0, someRow(random))
  if (random() < 0.3 && result.length > 1) result.push(result.shift()!)
  return result
}

const mappers: readonly (RowMapper | undefined)[] = [
  undefined,
  ({ id, name }: Row) => `${id}${name}`,
  ({ id, at, ...row }: Row) => ({ key: id, row, at: at.toISOString() }),
]

class Money {
  constructor(readonly cents: number) {}
}

/** As an application may extend it: what is plain JSON on the server is something else in the client. */
const extended = new SuperJSON()
extended.registerCustom<Money, { cents: number }>(
  {
    isApplicable: (value): value is Money => typeof value === 'object' && value !== null && 'cents' in value,
    serialize: ({ cents }) => ({ cents }),
    deserialize: ({ cents }) => new Money(cents),
  },
  'money',
)
const MOMENT = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/

const transformers: readonly DataTransformer[] = [
  { serialize: (value) => value, deserialize: (value) => value },
  SuperJSON,
  extended,
  { serialize: (value) => value, deserialize: revived },
]

/** Dates for texts that look like one. */
function revived(value: unknown): unknown {
  if (typeof value === 'string') return MOMENT.test(value) ? new Date(value) : value
  if (Array.isArray(value)) return value.map(revived)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revived(inner)]))
}

/** Generous: it is computing alone, and what runs beside it on the machine must not decide. */
const timeout = 60_000

test('what a client makes of patches, one at a time or several at once, is what the server shows', { timeout }, () => {
  let patches = 0
  for (let seed = 0; seed < 150; seed++) {
    const random = randomOf(seed)
    const transformer = transformers[seed % 4]!
    const projection = new Projection(transformer, mappers[seed % 3])
    const cache = new RowCache(transformer)
    let rows: readonly Row[] = Array.from({ length: Math.floor(random() * 20) }, () => someRow(random))
    let held = { state: projection.stateOf({ rows, version: 'v0' }), version: 'v0' }
    let shown = cache.read(projection.lines(rows), rows.length)
    let seen = projection.values(rows)
    projection.patchesSince(held, { rows, version: 'v0' })
    for (let step = 0; step < 15; step++) {
      const previousRows = rows
      rows = next(rows, random)
      const version = `v${step + 1}`
      projection.advance({ previousRows, rows, version, patch: diffRows(previousRows, rows) })
      if (random() < 0.3) continue
      const missed = projection.patchesSince(held, { rows, version })
      if (missed) patches += 1
      const before = shown
      shown = missed ? cache.apply(missed.lines) : cache.read(projection.lines(rows), rows.length)
      held = { state: projection.stateOf({ rows, version }), version }
      const values = projection.values(rows)
      const expected = values.map((value) =>
        transformer.deserialize(JSON.parse(JSON.stringify(transformer.serialize(value)))),
      )
      expect(shown, `seed ${seed}, step ${step}`).toStrictEqual(expected)
      // Rows that the server holds as the identical object are identical here.
      const isCopied = values.some((value, index) => {
        const place = typeof value === 'object' ? seen.indexOf(value) : -1
        return place >= 0 && shown[index] !== before[place]
      })
      expect(isCopied, `seed ${seed}, step ${step}`).toBe(false)
      seen = values
    }
  }
  expect(patches).toBeGreaterThan(500)
})
