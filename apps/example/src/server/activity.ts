import { singleton } from '@pg-realtime/trpc/server'
import type { RefreshEvent, RefreshReason } from '@pg-realtime/core'
import { EventEmitter } from 'node:events'
import { realtime } from './realtime'
import { titleOf } from './titles'

/** One refresh of a live query, as the activity panel shows it. */
export interface Activity {
  /** Names the process too: after a restart the numbers begin again. */
  readonly id: string
  readonly at: Date
  readonly title: string
  /** What was run, and with which parameters: for those who open an entry. */
  readonly sql: string
  readonly parameters: readonly string[]
  readonly causes: readonly Cause[]
  /** Whether the result became different. */
  readonly changed: boolean
  readonly rows: number
  readonly durationMs: number
  readonly error: string | undefined
}

export interface Cause {
  readonly kind: RefreshReason['kind']
  /** For a change, `orders`; otherwise empty. */
  readonly table: string
  /** What happened there, in words. */
  readonly text: string
}

const KEPT = 60

interface Log {
  sequence: number
  /** The newest last, by organisation: nobody reads what happened in another one. */
  readonly recent: Map<string, Activity[]>
  readonly emitter: EventEmitter
}

const log = singleton('activity', () => {
  const made: Log = { sequence: 0, recent: new Map(), emitter: new EventEmitter().setMaxListeners(0) }
  realtime.observe((event) => record(made, event))
  return made
})

export function recentActivity(orgId: number): readonly Activity[] {
  return log.recent.get(String(orgId)) ?? []
}

/** Emits `String(orgId)` with each new `Activity` of that organisation. */
export const activityEmitter = log.emitter

function record(target: Log, event: RefreshEvent): void {
  const orgId = event.scope.settings?.['app.org_id']
  if (orgId === undefined) return
  const entry: Activity = {
    id: `${process.pid}-${++target.sequence}`,
    at: event.at,
    title: titleOf(event.sql),
    sql: event.sql,
    parameters: event.parameters.map(toText),
    causes: event.reasons.map(toCause),
    changed: event.changed,
    rows: event.rows,
    durationMs: event.durationMs,
    error: event.error?.message,
  }
  target.recent.set(orgId, [...(target.recent.get(orgId) ?? []), entry].slice(-KEPT))
  target.emitter.emit(orgId, entry)
}

function toCause(reason: RefreshReason): Cause {
  switch (reason.kind) {
    case 'first':
      return { kind: 'first', table: '', text: 'opened' }
    case 'change': {
      const columns = reason.columns.length > 0 && reason.columns.length <= 3 ? ` ${reason.columns.join(', ')}` : ''
      return { kind: 'change', table: reason.table, text: `${reason.operation}${columns}` }
    }
    case 'gap':
      return { kind: 'gap', table: '', text: reason.because }
    case 'interval':
      return { kind: 'interval', table: '', text: 'on schedule' }
    case 'retry':
      return { kind: 'retry', table: '', text: 'tried again, on its own' }
  }
}

function toText(parameter: unknown): string {
  return parameter instanceof Date ? parameter.toISOString() : (JSON.stringify(parameter) ?? 'null')
}
