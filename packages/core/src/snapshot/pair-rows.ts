/** Which rows before and after are the same one, changed: positions in the lists before and after. */
export type Pair = readonly [from: number, to: number]

type Columns = Readonly<Record<string, unknown>>

/** Among more columns than this no key is looked for. */
const MOST_CANDIDATES = 8
const MOST_IN_COMBINATION = 4

/**
 * Pairs rows that went with rows that came, by a key that the results themselves show: the first column, or else two of
 * them, that is present in each row and the same in no two of either list; a column `id` comes first. What is no pair is a
 * row that went or came.
 */
export function pairRows(
  before: readonly unknown[],
  after: readonly unknown[],
  went: readonly number[],
  came: readonly number[],
): Pair[] {
  if (went.length === 0 || came.length === 0) return []
  const key = findKey(before, after)
  if (!key) return []
  const byKey = new Map(went.map((from) => [key(before[from] as Columns), from]))
  return came.flatMap((to): Pair[] => {
    const from = byKey.get(key(after[to] as Columns))
    return from === undefined ? [] : [[from, to]]
  })
}

type Scalar = number | string | bigint
type Key = (row: Columns) => Scalar | undefined

function findKey(before: readonly unknown[], after: readonly unknown[]): Key | undefined {
  const [first] = after
  if (typeof first !== 'object' || first === null) return undefined
  const names = Object.keys(first).slice(0, MOST_CANDIDATES)
  if (names.includes('id')) names.unshift('id')
  const isKey = (key: Key) => isUnique(after, key) && isUnique(before, key)
  for (const name of names) {
    const key: Key = (row) => scalar(row?.[name])
    if (isKey(key)) return key
  }
  return findCombination(names.slice(0, MOST_IN_COMBINATION), isKey)
}

function findCombination(names: readonly string[], isKey: (key: Key) => boolean): Key | undefined {
  for (const [index, left] of names.entries()) {
    for (const right of names.slice(index + 1)) {
      const key: Key = (row) => combined(scalar(row?.[left]), scalar(row?.[right]))
      if (isKey(key)) return key
    }
  }
  return undefined
}

function combined(left: Scalar | undefined, right: Scalar | undefined): string | undefined {
  return left === undefined || right === undefined
    ? undefined
    : `${typeof left}:${String(left)}\0${typeof right}:${String(right)}`
}

function isUnique(rows: readonly unknown[], key: Key): boolean {
  const seen = new Set<unknown>()
  for (const row of rows) {
    const value = key(row as Columns)
    if (value === undefined || seen.has(value)) return false
    seen.add(value)
  }
  return true
}

/** What can be a key's value; undefined for all else. Dates count as their moment. */
function scalar(value: unknown): Scalar | undefined {
  if (typeof value === 'object') return value instanceof Date ? value.getTime() : undefined
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'bigint' ? value : undefined
}
