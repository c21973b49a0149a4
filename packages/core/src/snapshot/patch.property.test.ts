import { describe, expect, test } from 'vitest'
import type { RawResult } from '../refresh/contract.js'
import { diffRows } from './diff.js'
import { mapPatch } from './map-patch.js'
import { materialize, type Materialized } from './materialize.js'
import { applyPatch, type Patch } from './patch.js'
import { rowText } from './row-text.js'

interface Row {
  readonly id: number
  readonly name: string | null
  readonly at: Date
}

const ROUNDS = Number(process.env['PATCH_ROUNDS'] ?? 400)

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

type RawRow = (string | null)[]

function raw(rows: readonly RawRow[]): RawResult {
  const fields = [
    { name: 'id', typeOid: 23 },
    { name: 'name', typeOid: 25 },
    { name: 'at', typeOid: 1184 },
  ]
  const parsers: Readonly<Record<number, (text: string) => unknown>> = {
    23: Number,
    25: String,
    1184: (text) => new Date(text),
  }
  const parser = (typeOid: number) => parsers[typeOid]!
  // Results of one query come in both forms.
  if (rows.length % 3 === 0) return { fields, content: { kind: 'rows', rows }, parser }
  return { fields, content: { kind: 'text', text: rows.map(rowText).join('') }, parser }
}

/** A next result: rows go, come, change and change places; `keyed` ones have an id of their own. */
function mutate(rows: readonly RawRow[], random: () => number, keyed: boolean): RawRow[] {
  const next = rows.filter(() => random() > 0.1).map((row) => (random() < 0.15 ? changed(row, random) : row))
  for (let count = Math.floor(random() * 3); count > 0; count--) {
    next.splice(Math.floor(random() * (next.length + 1)), 0, fresh(random, keyed))
  }
  for (let count = Math.floor(random() * 3); count > 0 && next.length > 1; count--) {
    const [row] = next.splice(Math.floor(random() * next.length), 1)
    next.splice(Math.floor(random() * (next.length + 1)), 0, row!)
  }
  return random() < 0.05 ? next.reverse() : next
}

let lastId = 0
const NAMES = ['a', 'b', '', null, 'a,b', 'a "b", c', 'one of many letters', 'one of many, too']

function fresh(random: () => number, keyed: boolean): RawRow {
  const id = keyed ? ++lastId : Math.floor(random() * 3)
  return [String(id), NAMES[Math.floor(random() * NAMES.length)]!, `2026-01-0${1 + Math.floor(random() * 3)}T00:00:00Z`]
}

function changed([id, , at]: RawRow, random: () => number): RawRow {
  return [id!, NAMES[Math.floor(random() * NAMES.length)]!, random() < 0.5 ? at! : '2026-02-01T00:00:00Z']
}

const materializeRows = (previous: Materialized<Row> | undefined, rows: readonly RawRow[]) =>
  materialize<Row>(previous, raw(rows), { ordered: true }) as Materialized<Row>

interface Transition {
  readonly seed: number
  readonly before: Materialized<Row>
  readonly after: Materialized<Row>
  readonly input: readonly RawRow[]
  readonly patch: Patch<Row>
}

function transitions(keyed: boolean): Transition[] {
  return Array.from({ length: ROUNDS }, (_, seed) => {
    const random = randomOf(seed)
    const first = Array.from({ length: Math.floor(random() * 12) }, () => fresh(random, keyed))
    const input = mutate(first, random, keyed)
    const before = materializeRows(undefined, first)
    const after = materializeRows(before, input)
    return { seed, before, after, input, patch: diffRows(before.rows, after.rows) }
  })
}

describe.each([
  ['rows with a key', true],
  ['rows without one, some of them equal', false],
])('%s', (_, keyed) => {
  const all = transitions(keyed)

  test('the new rows are what the result says', () => {
    for (const { seed, after, input } of all) {
      const expected = input.map(([id, name, at]) => ({ id: Number(id), name, at: new Date(at!) }))
      expect(after.rows, `seed ${seed}`).toEqual(expected)
    }
  })

  test('applied to the rows before, the patch gives the very rows after', () => {
    for (const { seed, before, after, patch } of all) {
      const applied = applyPatch(before.rows, patch)
      expect(applied.length, `seed ${seed}`).toBe(after.rows.length)
      applied.forEach((row, index) => expect(row === after.rows[index], `seed ${seed}, row ${index}`).toBe(true))
    }
  })

  test('a patch names no row that did not change, and no place that was kept', () => {
    for (const { seed, before, after, patch } of all) {
      const kept = after.rows.filter((row) => before.rows.includes(row)).length
      const steps = (kind: string) => patch.filter((step) => step.kind === kind).length
      expect(before.rows.length - steps('remove'), `seed ${seed}`).toBe(kept + steps('update'))
      expect(after.rows.length - steps('insert'), `seed ${seed}`).toBe(kept + steps('update'))
    }
  })

  test('the same patch holds between the rows’ images', () => {
    for (const { seed, before, after, patch } of all) {
      const images = new Map<Row, object>()
      const image = (row: Row) => {
        if (!images.has(row)) images.set(row, { label: `${row.id}${row.name}` })
        return images.get(row)!
      }
      const [left, right] = [before.rows.map(image), after.rows.map(image)]
      const applied = applyPatch(left, mapPatch(patch, left, right))
      expect(
        applied.every((row, index) => row === right[index]) && applied.length === right.length,
        `seed ${seed}`,
      ).toBe(true)
    }
  })

  test('patches one after the other lead to the newest rows, and equal versions mean equal rows', () => {
    for (let seed = 0; seed < ROUNDS / 4; seed++) {
      const random = randomOf(seed + 1_000)
      let input = Array.from({ length: 5 }, () => fresh(random, keyed))
      let state = materializeRows(undefined, input)
      let held: readonly Row[] = state.rows
      const contents = new Map([[state.version, JSON.stringify(state.rows)]])
      for (let step = 0; step < 8; step++) {
        input = mutate(input, random, keyed)
        const next = materializeRows(state, input)
        held = applyPatch(held, diffRows(state.rows, next.rows))
        state = next
        const content = JSON.stringify(state.rows)
        expect(contents.get(state.version) ?? content).toBe(content)
        contents.set(state.version, content)
      }
      expect(held, `seed ${seed}`).toEqual(state.rows)
    }
  })
})

test('a row that changed keeps the objects of the columns that did not', () => {
  let kept = 0
  for (const { patch } of transitions(true)) {
    for (const step of patch) {
      if (step.kind !== 'update' || step.previous.at.getTime() !== step.row.at.getTime()) continue
      kept += 1
      expect(step.row.at).toBe(step.previous.at)
      expect(step.columns).toEqual(['name'])
    }
  }
  expect(kept).toBeGreaterThan(10)
})
