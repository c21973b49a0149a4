import type { PlanTable, TopRows } from '../analyze/plan.js'
import { imageValue, operandValues, type KnownText } from './conditions.js'
import type { Routable } from './contract.js'
import type { Image } from './question.js'
import { compare } from './values.js'

/**
 * Whether a row sorts behind the last row that `order by … limit` lets a live query show. Only for rows that are the result
 * and as many as the limit: with fewer, any row may join them. What cannot be compared for sure is not behind.
 */
export function isBehind(top: TopRows, table: PlanTable, { change, row }: Image, query: Routable): boolean {
  // A filter holds changes back: the rows that are shown may not be the first ones any more.
  if (query.isUnsettled || query.filter) return false
  const [limit] = operandValues(top.limit, query.parameters)
  const shown = query.lastRow
  if (!shown || !limit || shown.count < Number(limit) || !(Number(limit) > 0)) return false
  for (const { column, output, name, descending, nullsFirst } of top.keys) {
    if (shown.names[output] !== name) return false
    const order = compareKeys(
      table.comparable[column]?.valueKind ?? null,
      imageValue(change, row, column),
      shown.columns[output],
      { descending, nullsFirst },
    )
    if (order === undefined) return false
    if (order !== 0) return order > 0
  }
  return false
}

/** Below zero if `left` comes before `right`; undefined where text does not tell. */
export function compareKeys(
  kind: Parameters<typeof compare>[0] | null,
  left: KnownText,
  right: KnownText,
  { descending, nullsFirst }: { readonly descending: boolean; readonly nullsFirst: boolean },
): number | undefined {
  if (left === undefined || right === undefined || kind === null) return undefined
  if (left === null || right === null) {
    if (left === right) return 0
    return (left === null) === nullsFirst ? -1 : 1
  }
  const order = compare(kind, left, right)
  return order === undefined ? undefined : descending ? -order : order
}
