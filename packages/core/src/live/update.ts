import { diffRows } from '../snapshot/diff.js'
import type { Patch } from '../snapshot/patch.js'
import type { LiveState, Update } from './contract.js'

/** An update whose patch is computed when somebody asks for it: all who are handed this object share the work. */
export function createUpdate<Row>(
  state: LiveState<Row>,
  kind: Update<Row>['kind'],
  previousRows: readonly Row[],
  diff: () => Patch<Row> = () => diffRows(previousRows, state.rows),
): Update<Row> {
  const { rows, status, version, snapshot, error } = state
  let patch: Patch<Row> | undefined
  return {
    kind,
    rows,
    status,
    version,
    snapshot,
    error,
    previousRows,
    get patch() {
      return (patch ??= previousRows === rows ? NO_STEPS : diff())
    },
  }
}

const NO_STEPS: Patch<never> = Object.freeze([])
