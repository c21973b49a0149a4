import { pairRows } from './pair-rows.js'
import type { Patch, PatchStep } from './patch.js'

/**
 * The patch from one list of rows to another. Rows that did not change must be the identical objects in both, as those of
 * a live query are; the others are matched by key.
 */
export function diffRows<Row>(before: readonly Row[], after: readonly Row[]): Patch<Row> {
  const change = changeInPlace(before, after)
  if (change) return Object.freeze([change])
  const match = matchRows(before, after)
  const { origins, went } = match
  const moved = movedRows(origins)
  const removals = went.map((from): PatchStep<Row> => ({ kind: 'remove', from, row: before[from]! }))
  const moves: PatchStep<Row>[] = []
  const insertions: PatchStep<Row>[] = []
  const updates: PatchStep<Row>[] = []
  for (let to = 0; to < after.length; to++) {
    const from = origins[to]!
    const row = after[to]!
    if (from < 0) {
      insertions.push({ kind: 'insert', to, row })
      continue
    }
    if (moved.has(to)) moves.push({ kind: 'move', from, to, row })
    const previous = before[from]!
    if (previous !== row) updates.push({ kind: 'update', from, to, row, previous, columns: columnsOf(previous, row) })
  }
  return Object.freeze([...removals, ...moves, ...insertions, ...updates])
}

/**
 * The most frequent change, for which no list need be looked through twice: one row is another one, at the same place, with
 * the same `id`. Whether that tells all rows apart does not matter, because a patch is right with any pairs.
 */
function changeInPlace<Row>(before: readonly Row[], after: readonly Row[]): PatchStep<Row> | undefined {
  if (before.length !== after.length) return undefined
  let at = -1
  for (let index = 0; index < after.length; index++) {
    if (before[index] === after[index]) continue
    if (at >= 0) return undefined
    at = index
  }
  const [previous, row] = [before[at], after[at]]
  if (previous === undefined || row === undefined || !haveOneId(previous, row)) return undefined
  return { kind: 'update', from: at, to: at, row, previous, columns: columnsOf(previous, row) }
}

function haveOneId(previous: unknown, row: unknown): boolean {
  const id = idOf(row)
  return id === idOf(previous) && (typeof id === 'number' || typeof id === 'string' || typeof id === 'bigint')
}

function idOf(row: unknown): unknown {
  return typeof row === 'object' && row !== null && 'id' in row ? row.id : undefined
}

interface Match {
  /** For each row after, where it was before; -1 for rows that came. */
  readonly origins: Int32Array
  /** Rows before that are none after, by rising positions. */
  readonly went: readonly number[]
}

function matchRows<Row>(before: readonly Row[], after: readonly Row[]): Match {
  const origins = new Int32Array(after.length).fill(-1)
  const left = identicalRows(before, after, origins)
  const came: number[] = []
  origins.forEach((from, to) => from < 0 && came.push(to))
  const pairs = pairRows(before, after, left, came)
  if (pairs.length === 0) return { origins, went: left }
  for (const [from, to] of pairs) origins[to] = from
  const paired = new Set(pairs.map(([from]) => from))
  return { origins, went: left.filter((from) => !paired.has(from)) }
}

/** Fills `origins` with rows that are the identical object, and returns the positions of those before that are left. */
function identicalRows<Row>(before: readonly Row[], after: readonly Row[], origins: Int32Array): number[] {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before[start] === after[start]) {
    origins[start] = start
    start += 1
  }
  let end = 0
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) {
    end += 1
    origins[after.length - end] = before.length - end
  }
  const places = new Map<Row, number[]>()
  for (let from = before.length - end - 1; from >= start; from--) {
    const row = before[from]!
    const same = places.get(row)
    if (same) same.push(from)
    else places.set(row, [from])
  }
  for (let to = start; to < after.length - end; to++) origins[to] = places.get(after[to]!)?.pop() ?? -1
  return [...places.values()].flat().sort((a, b) => a - b)
}

/** The fewest rows that must leave their places so that all others keep their order: those outside of a longest rise. */
function movedRows(origins: Int32Array): ReadonlySet<number> {
  const stayed = [...origins.keys()].filter((to) => origins[to]! >= 0)
  if (stayed.every((to, index) => index === 0 || origins[stayed[index - 1]!]! < origins[to]!)) return NONE
  // `ends[n]`: the place that ends the lowest rise of n + 1 rows so far; `before`: the one in front of each.
  const ends: number[] = []
  const before = new Map<number, number | undefined>()
  for (const to of stayed) {
    const length = lowerBound(ends, origins, origins[to]!)
    before.set(to, length > 0 ? ends[length - 1] : undefined)
    ends[length] = to
  }
  const moved = new Set(stayed)
  for (let to = ends.at(-1); to !== undefined; to = before.get(to)) moved.delete(to)
  return moved
}

const NONE: ReadonlySet<number> = new Set()

function lowerBound(ends: readonly number[], origins: Int32Array, value: number): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (origins[ends[middle]!]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** The columns whose values are not the identical ones. Both rows have the same columns, except after a schema change. */
export function columnsOf<Row>(previous: Row, row: Row): readonly string[] {
  if (typeof row !== 'object' || row === null || typeof previous !== 'object' || previous === null) return []
  const names = new Set([...Object.keys(row), ...Object.keys(previous)])
  return [...names].filter((name) => {
    const [left, right] = [previous[name as keyof Row & object], row[name as keyof Row & object]]
    return !Object.is(left, right)
  })
}
