import type { RelationId } from '../../change.js'
import type { InstalledRelation, InstalledTrigger } from './catalog.js'
import {
  triggerFunction,
  type CapturedTable,
  type Firing,
  type Marker,
  type TriggerFunction,
} from './trigger-function.js'
import { TRIGGER_EVENTS } from './trigger-names.js'
import type { CaptureObjects } from './objects.js'

/** What a relation lacks to be captured. */
export interface Requirement {
  readonly relation: InstalledRelation
  readonly table: CapturedTable
  /** The function's body is not the one of this version, or of the table's present columns. Needs no lock on the table. */
  readonly functionOutdated: boolean
  /** Triggers are missing, disabled or of another kind. Needs a lock on the table. */
  readonly triggersMissing: boolean
  /** A function that may not write the log, which installing it again does not change. */
  readonly rightless: string | undefined
  /** In words, for reports. */
  readonly because: string
}

/** `undefined` where the relation has all that it needs, or cannot have triggers. */
export function requirementOf(
  objects: CaptureObjects,
  relation: InstalledRelation,
  exclude: readonly string[],
): Requirement | undefined {
  if (relation.kind !== 'r' && relation.kind !== 'p') return undefined
  const table = capturedTable(relation, exclude)
  const expected = expectedMarker(objects, table)
  const markers = relation.triggers.map((trigger) => trigger.marker)
  const missing = TRIGGER_EVENTS.filter((event) => !hasTrigger(relation, event, table.firing))
  const functionOutdated = markers.length === 0 || markers.some((marker) => !fits(marker, expected))
  const rightless = relation.triggers.find(({ mayLog }) => !mayLog)?.functionName
  if (missing.length === 0 && !functionOutdated && rightless === undefined) return undefined
  const because =
    relation.triggers.length === 0
      ? 'no triggers'
      : [
          missing.length > 0 ? `trigger for ${missing.join(', ')} missing or disabled` : '',
          functionOutdated ? 'function of another version, or for other columns' : '',
          rightless === undefined ? '' : `the owner of function ${rightless} may not write the change log`,
        ]
          .filter(Boolean)
          .join('; ')
  return { relation, table, functionOutdated, triggersMissing: missing.length > 0, rightless, because }
}

/**
 * An excluded column stays excluded while any server asks for it: two servers must not undo each other's work. So does one
 * that is renamed; and a name that is not there yet is kept, because it may come before the next audit.
 */
export function capturedTable(relation: InstalledRelation, exclude: readonly string[]): CapturedTable {
  const markers = relation.triggers.flatMap(({ marker }) => marker ?? [])
  const numbers = new Set(markers.flatMap((marker) => marker.numbers ?? []))
  const renamed = relation.columns.filter(({ number }) => numbers.has(number)).map(({ name }) => name)
  return {
    columns: relation.columns,
    exclude: [...new Set([...exclude, ...markers.flatMap((marker) => marker.exclude), ...renamed])].sort(),
    partitioned: relation.kind === 'p',
    firing: firingOf(relation),
  }
}

function firingOf(relation: InstalledRelation): Firing {
  // Rows that arrive for a partitioned table fire the triggers of its partitions.
  if (relation.isSubscribed && relation.kind === 'r') return 'row'
  // What may get a foreign descendant must be ready for it: no audit comes between the ALTER TABLE and the first write.
  return relation.hasForeignDescendant || relation.mayTakeForeignDescendant ? 'blind' : 'statement'
}

export type ExcludeMap = ReadonlyMap<RelationId, readonly string[]>

function expectedMarker(objects: CaptureObjects, table: CapturedTable): TriggerFunction['marker'] {
  return triggerFunction(objects, '', table).marker
}

/** A newer version than ours stays: during a rolling deployment the older server must not take it back. */
function fits(marker: Marker | undefined, expected: Marker): boolean {
  if (marker === undefined || marker.version < expected.version) return false
  if (marker.version === expected.version) return marker.body === expected.body
  return expected.exclude.every((name) => marker.exclude.includes(name))
}

function hasTrigger(relation: InstalledRelation, event: string, firing: Firing): boolean {
  return relation.triggers.some(
    (trigger) =>
      trigger.event === event &&
      trigger.enabled === 'A' &&
      (event === 'truncate' || firingOfTrigger(trigger) === firing),
  )
}

function firingOfTrigger(trigger: InstalledTrigger): Firing {
  if (trigger.perRow) return 'row'
  return trigger.listsRows ? 'statement' : 'blind'
}
