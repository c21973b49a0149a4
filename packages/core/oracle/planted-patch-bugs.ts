import { LiveHandle } from '../src/live/live-handle.js'
import type { Update } from '../src/live/contract.js'
import type { Patch, PatchStep } from '../src/snapshot/patch.js'
import { replaceMethod } from './run/replace-method.js'

type Row = Update<Record<string, unknown>>['rows'][number]

/**
 * Faults of patches whose rows are right: planted where subscribers are told, for every engine of this process, until they
 * are disposed of.
 */
export const plantedPatchBugs = {
  'a patch lacks the rows that moved': () => patches((patch) => patch.filter(({ kind }) => kind !== 'move')),
  'a patch keeps a removed row': () => patches((patch) => withoutLast(patch, 'remove')),
  'a patch inserts one place too early': () =>
    patches((patch) =>
      patch.map((step) => (step.kind === 'insert' ? { ...step, to: Math.max(0, step.to - 1) } : step)),
    ),
  'a patch updates a row to what it was': () =>
    patches((patch) => patch.map((step) => (step.kind === 'update' ? { ...step, row: step.previous } : step))),
} satisfies Record<string, () => Disposable>

export type PlantedPatchBug = keyof typeof plantedPatchBugs

function patches(map: (patch: Patch<Row>) => Patch<Row>): Disposable {
  return replaceMethod(
    LiveHandle.prototype,
    'subscribe',
    (original) => (listener) => original((update) => listener({ ...update, patch: map(update.patch) })),
  )
}

function withoutLast(patch: Patch<Row>, kind: PatchStep<Row>['kind']): Patch<Row> {
  const last = patch.findLast((step) => step.kind === kind)
  return patch.filter((step) => step !== last)
}
