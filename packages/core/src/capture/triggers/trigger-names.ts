import { fitName, hashedName } from './objects.js'

export type TriggerEvent = 'insert' | 'update' | 'delete' | 'truncate'
export const TRIGGER_EVENTS: readonly TriggerEvent[] = ['insert', 'update', 'delete', 'truncate']

export interface TableName {
  readonly schema: string
  readonly name: string
}

/**
 * Names under which a table's function may be created, best first: `_pg_realtime_notify_<table>`, with the schema where
 * that is not `public`. The second one cannot collide: `a_b.c` and `a.b_c` would share the first.
 */
export function functionNames(table: TableName): readonly [string, string] {
  const base = `_pg_realtime_notify_${table.schema === 'public' ? '' : `${table.schema}_`}${table.name}`
  const identity = `${table.schema}.${table.name}`
  return [fitName(base, '', identity), hashedName(base, '', `${table.schema}\0${table.name}`)]
}

/** Triggers are named within their table, so only the length can be in the way. */
export function triggerName(table: TableName, event: TriggerEvent): string {
  return fitName(`_pg_realtime_trigger_${table.name}`, `_${event}`, table.name)
}
