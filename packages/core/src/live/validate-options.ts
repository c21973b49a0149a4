import { InvalidOptionError } from '../errors.js'
import type { LiveOptions, RealtimeOptions } from './contract.js'

export function validateLiveOptions<DB, Row>(options: LiveOptions<DB, Row>): void {
  if (options.throttleMs !== undefined) requireDuration('throttleMs', options.throttleMs, 0)
  if (typeof options.refreshEvery === 'number') requireDuration('refreshEvery', options.refreshEvery, 1)
  const { role, settings = {} } = options.scope ?? {}
  if (role !== undefined && (typeof role !== 'string' || role === '')) {
    throw new InvalidOptionError('scope.role must be the name of a database role.')
  }
  const names = new Set<string>()
  for (const [name, value] of Object.entries(settings)) {
    // PostgreSQL takes no notice of case: which of two would hold is not to be seen.
    const folded = name.toLowerCase()
    if (names.has(folded)) {
      throw new InvalidOptionError(`scope.settings has "${folded}" twice, in other letters: leave one of them out.`)
    }
    names.add(folded)
    if (typeof value !== 'string') {
      throw new InvalidOptionError(
        `scope.settings["${name}"] must be a string, as PostgreSQL's settings are; it is ${typeof value}.`,
      )
    }
    if (value.includes('\0') || name.includes('\0')) {
      throw new InvalidOptionError(
        `scope.settings["${name}"] contains a zero character, which PostgreSQL cannot store.`,
      )
    }
  }
}

export function validateRealtimeOptions<DB>(options: RealtimeOptions<DB>): void {
  requireOptionalDuration('throttleMs', options.throttleMs, 0)
  requireOptionalDuration('safetyPollMs', options.safetyPollMs, 10)
  requireOptionalDuration('auditMs', options.auditMs, 10)
  requireOptionalDuration('statementTimeoutMs', options.statementTimeoutMs, 1)
  const { schema } = options
  if (schema !== undefined && (schema === '' || Buffer.byteLength(schema) > 63)) {
    throw new InvalidOptionError(`schema must be a name of 1 to 63 bytes; it is "${schema}".`)
  }
  if ((options.safetyPollMs ?? 0) > 5_000) {
    throw new InvalidOptionError(
      'safetyPollMs must be at most 5000: it bounds how long a missed doorbell goes unnoticed.',
    )
  }
  const { max } = options.pool.options
  const connections = options.maxRefreshConnections
  if (connections !== undefined && (!Number.isInteger(connections) || connections < 1)) {
    throw new InvalidOptionError('maxRefreshConnections must be a whole number of at least 1.')
  }
  if (connections !== undefined && connections > max) {
    throw new InvalidOptionError(
      `maxRefreshConnections is ${connections}, but the pool has only ${max} connections: raise the pool's max, or lower it.`,
    )
  }
}

function requireOptionalDuration(name: string, value: number | undefined, least: number): void {
  if (value !== undefined) requireDuration(name, value, least)
}

/** Timers hold at most 2^31 - 1 milliseconds. */
function requireDuration(name: string, value: number, least: number): void {
  if (Number.isFinite(value) && value >= least && value < 2 ** 31) return
  throw new InvalidOptionError(
    `${name} must be a number of milliseconds from ${least} to 2147483647; it is ${String(value)}.`,
  )
}
