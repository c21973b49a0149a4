/**
 * What changed between two lists of rows, so that whoever holds the one can make the other. Works in browsers too.
 *
 * `from` is always a position in the rows before, `to` one in the rows after. A row that moved and changed has two steps.
 */
export type PatchStep<Row> =
  /** The row is not in the result any more. */
  | { readonly kind: 'remove'; readonly from: number; readonly row: Row }
  /** It left its place among the rows that stayed; `row` is what it is now. */
  | { readonly kind: 'move'; readonly from: number; readonly to: number; readonly row: Row }
  | { readonly kind: 'insert'; readonly to: number; readonly row: Row }
  /** The same row, by its key, with other values in `columns`. */
  | {
      readonly kind: 'update'
      readonly from: number
      readonly to: number
      readonly row: Row
      readonly previous: Row
      readonly columns: readonly string[]
    }

/** The steps from one result to the next: removals, moves, insertions, updates, each by rising positions. */
export type Patch<Row> = readonly PatchStep<Row>[]

/** The rows after a patch; those that it does not name are the identical objects. */
export function applyPatch<Row>(rows: readonly Row[], patch: Patch<Row>): Row[] {
  const taken = new Set<number>()
  const placed = new Map<number, Row>()
  for (const step of patch) {
    if (step.kind === 'remove' || step.kind === 'move') taken.add(step.from)
    if (step.kind === 'insert' || step.kind === 'move') placed.set(step.to, step.row)
  }
  const result = rearrange(rows, taken, placed)
  for (const step of patch) if (step.kind === 'update') result[step.to] = step.row
  return result
}

/** Takes rows out by their old positions, and puts rows in at their new ones. */
export function rearrange<Row>(
  rows: readonly Row[],
  taken: ReadonlySet<number>,
  placed: ReadonlyMap<number, Row>,
): Row[] {
  if (taken.size === 0 && placed.size === 0) return rows.slice()
  const result: Row[] = []
  const fill = () => {
    while (placed.has(result.length)) result.push(placed.get(result.length)!)
  }
  rows.forEach((row, from) => {
    if (taken.has(from)) return
    fill()
    result.push(row)
  })
  fill()
  return result
}
