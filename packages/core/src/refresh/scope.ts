import type { Scope } from '../live/contract.js'
import type { Refreshable } from './contract.js'
import type { Job } from './worker.js'

/** One text for each scope, whatever the order of its settings. */
export function scopeKey(scope: Scope): string {
  const settings = Object.entries(scope.settings ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([scope.role ?? null, settings])
}

/** Jobs of one scope run in one transaction; a large group is split among the connections that are free. */
export function groupByScope<Query extends Refreshable>(
  jobs: readonly Job<Query>[],
  connections: number,
): { readonly scope: Scope; readonly jobs: Job<Query>[] }[] {
  const groups = new Map<string, { scope: Scope; jobs: Job<Query>[] }>()
  for (const job of jobs) {
    const key = scopeKey(job.query.scope)
    const group = groups.get(key)
    if (group) group.jobs.push(job)
    else groups.set(key, { scope: job.query.scope, jobs: [job] })
  }
  return [...groups.values()].flatMap(({ scope, jobs: all }) => {
    const parts = Math.max(1, Math.min(connections, Math.ceil(all.length / SMALLEST_PART)))
    const size = Math.ceil(all.length / parts)
    return Array.from({ length: parts }, (_, part) => ({
      scope,
      jobs: all.slice(part * size, (part + 1) * size),
    })).filter((group) => group.jobs.length > 0)
  })
}

/** Fewer queries than this are not worth a connection of their own. */
const SMALLEST_PART = 8
