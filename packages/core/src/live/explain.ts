import type { Explanation } from './contract.js'
import type { LiveInstance } from './live-instance.js'

export function explain(instance: LiveInstance): Explanation {
  const { plan } = instance
  return {
    sql: instance.sql,
    parameters: instance.parameters,
    parameterTypes: plan.parameterTypes,
    scope: instance.scope,
    tables: plan.tables.map((table) => ({
      table: table.label,
      columns: table.columns === 'all' ? 'all' : [...table.columns].sort(),
    })),
    occurrences: plan.occurrences,
    disagreements: plan.disagreements,
    timeDependent: plan.timeDependent,
    routing: describeRouting(instance),
    routes: instance.routesOf(plan),
    subscribers: instance.holders,
    refreshes: instance.refreshes,
    lastRefresh: instance.lastRefresh,
  }
}

function describeRouting({ plan, filter, options }: LiveInstance): string {
  const tables = plan.tables.map((table) => {
    const columns = table.columns === 'all' ? 'any column' : [...table.columns].sort().join(', ') || 'no column'
    return `${table.label}: any INSERT, DELETE or TRUNCATE, and an UPDATE of ${columns}`
  })
  const notes = [
    ...(filter ? ['among these, the refresh option decides on row changes'] : []),
    ...(typeof options.refreshEvery === 'number' ? [`also every ${options.refreshEvery} ms`] : []),
    ...plan.unwatchable.map((name) => `${name} fires no triggers: its changes show at the next refresh`),
  ]
  return [...(tables.length > 0 ? tables : ['reads no table: refreshed by no change']), ...notes].join('; ')
}
