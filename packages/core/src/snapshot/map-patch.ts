import { columnsOf } from './diff.js'
import type { Patch, PatchStep } from './patch.js'

/** The same patch between the rows' images. A row whose image stayed the same has not changed. */
export function mapPatch<Source, Row>(patch: Patch<Source>, before: readonly Row[], after: readonly Row[]): Patch<Row> {
  return patch.flatMap((step): PatchStep<Row>[] => {
    switch (step.kind) {
      case 'remove':
        return [{ ...step, row: before[step.from]! }]
      case 'move':
      case 'insert':
        return [{ ...step, row: after[step.to]! }]
      case 'update':
        return mapUpdate(step.from, step.to, before, after)
    }
  })
}

function mapUpdate<Row>(from: number, to: number, before: readonly Row[], after: readonly Row[]): PatchStep<Row>[] {
  const [previous, row] = [before[from]!, after[to]!]
  if (Object.is(previous, row)) return []
  return [{ kind: 'update', from, to, row, previous, columns: columnsOf(previous, row) }]
}
