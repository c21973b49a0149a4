import { startAt, textAt, type ResultText } from './content.js'

/** Which rows of two results have the same text. */
export interface Match {
  /** For each row after, where it was before; -1 for rows that are new or changed. */
  readonly origins: readonly number[]
  /** Rows after that were not before, and rows before that are not any more. */
  readonly came: readonly number[]
  readonly went: readonly number[]
  /** For each row after, with how many characters it begins as the row at its place before; 0 where there was none. */
  readonly starts: readonly number[]
}

/** Up to so many rows, looking at all of them is faster than an index. */
const FEW = 16
/** So many characters tell most rows apart. */
const MARKED = 12

/** Equal rows are matched in their order, one at the same place before all others. */
export function matchTexts(before: ResultText, after: ResultText): Match {
  const origins: number[] = []
  const starts: number[] = []
  const came: number[] = []
  const went: number[] = []
  const [old, now] = [before.ends.length, after.ends.length]
  for (let to = 0, start = 0, oldStart = 0; to < now; to++) {
    const length = after.ends[to]! - start
    const oldLength = to < old ? before.ends[to]! - oldStart : 0
    const same = sameStart(before.text, oldStart, after.text, start, Math.min(length, oldLength))
    const isSame = same === length && same === oldLength
    starts.push(same)
    origins.push(isSame ? to : -1)
    start += length
    oldStart += oldLength
    if (isSame) continue
    came.push(to)
    if (to < old) went.push(to)
  }
  for (let from = now; from < old; from++) went.push(from)
  if (came.length === 0 || went.length === 0) return { origins, came, went, starts }
  const find = went.length <= FEW ? fewFinder(before, after, went) : finder(before, after, went)
  const found = new Set<number>()
  for (const to of came) {
    const from = find(to)
    if (from < 0) continue
    origins[to] = from
    found.add(from)
  }
  if (found.size === 0) return { origins, came, went, starts }
  return {
    origins,
    starts,
    came: came.filter((to) => origins[to]! < 0),
    went: went.filter((from) => !found.has(from)),
  }
}

/** Finds where a row was before: each of them once, the first one first. */
type Find = (to: number) => number

function fewFinder(before: ResultText, after: ResultText, went: readonly number[]): Find {
  const marks: (number | undefined)[] = went.map((from) => markOf(before, from))
  return (to) => {
    const mark = markOf(after, to)
    for (let index = 0; index < went.length; index++) {
      const from = went[index]!
      // At the same place it is known to be another one.
      if (marks[index] !== mark || from === to || !sameRow(before, from, after, to)) continue
      marks[index] = undefined
      return from
    }
    return -1
  }
}

/** Two rows with the same text have the same mark. */
function markOf(result: ResultText, index: number): number {
  const [start, end] = [startAt(result, index), result.ends[index]!]
  let mark = end - start
  const last = Math.min(end, start + MARKED)
  for (let at = start + 1; at < last; at++) mark = (Math.imul(mark, 31) + result.text.charCodeAt(at)) | 0
  return mark
}

function finder(before: ResultText, after: ResultText, went: readonly number[]): Find {
  const first = new Map<string, number>()
  const next = new Map<number, number>()
  for (let index = went.length - 1; index >= 0; index--) {
    const from = went[index]!
    const text = textAt(before, from)
    const later = first.get(text)
    if (later !== undefined) next.set(from, later)
    first.set(text, from)
  }
  return (to) => {
    const text = textAt(after, to)
    const from = first.get(text)
    if (from === undefined) return -1
    const later = next.get(from)
    if (later === undefined) first.delete(text)
    else first.set(text, later)
    return from
  }
}

function sameRow(before: ResultText, from: number, after: ResultText, to: number): boolean {
  const [start, other] = [startAt(before, from), startAt(after, to)]
  const length = before.ends[from]! - start
  return after.ends[to]! - other === length && sameStart(before.text, start, after.text, other, length) === length
}

/** How many of `most` characters are the same, from these places on. */
export function sameStart(left: string, from: number, right: string, to: number, most: number): number {
  let count = 0
  while (count < most && left.charCodeAt(from + count) === right.charCodeAt(to + count)) count += 1
  return count
}

/** How many of `most` characters are the same, before these places. */
export function sameEnd(left: string, from: number, right: string, to: number, most: number): number {
  let count = 0
  while (count < most && left.charCodeAt(from - count - 1) === right.charCodeAt(to - count - 1)) count += 1
  return count
}
