import { sql } from 'kysely'
import type { Client, Pool } from 'pg'
import { analyze } from '../../../packages/core/src/analyze/analyze.js'
import type { Plan } from '../../../packages/core/src/analyze/plan.js'
import { rowChange } from '../../../packages/core/src/change.js'
import type { Scope } from '../../../packages/core/src/live/contract.js'
import { compileLiveQuery } from '../../../packages/core/src/live/compile.js'
import { LiveInstance } from '../../../packages/core/src/live/live-instance.js'
import { PreparedStatements } from '../../../packages/core/src/refresh/prepared.js'
import { Schedule } from '../../../packages/core/src/refresh/schedule.js'
import { Shapes } from '../../../packages/core/src/refresh/shape.js'
import { Work } from '../../../packages/core/src/refresh/work.js'
import { TickTransaction } from '../../../packages/core/src/refresh/tick-transaction.js'
import { refresh } from '../../../packages/core/src/refresh/worker.js'
import { systemClock } from '../../../packages/core/src/util/clock.js'
import type { Shop } from '../harness/shop.js'

/** A query of the shop with one parameter. */
export interface ShapeOf {
  /** `marker` is what stands for the parameter. */
  readonly text: (marker: string) => string
}

/** Queries of one shape, live as in an engine, but refreshed only when asked to. */
export interface Instances {
  readonly statement: string
  /**
   * Refreshes all of them on a snapshot of now, and shows them; milliseconds. `orders`: those that have changed, where that
   * is known.
   */
  refresh(orders?: readonly number[]): Promise<number>
}

export async function openInstances(
  shop: Shop,
  reader: Client,
  shape: ShapeOf,
  values: readonly number[],
  scopeOf: (value: number) => Scope = () => ({}),
): Promise<Instances> {
  const fail = (error: unknown): never => {
    throw error instanceof Error ? error : new Error(String(error))
  }
  const queryOf = (value: number) => {
    const [head, ...rest] = shape.text('\0').split('\0')
    return sql`${sql.raw(head!)}${sql.join(
      rest.map((part) => sql`${sql.val(value)}${sql.raw(part)}`),
      sql``,
    )}`
  }
  const compiled = values.map((value) => compileLiveQuery(shop.db, queryOf(value)))
  const input = { node: undefined, scope: scopeOf(values[0]!), dependsOn: [], acceptsTime: false }
  const plan = await analyze(reader, { sql: compiled[0]!.sql, ...input })
  let shown = 0
  const watcher = { updated: ({ rows }: { readonly rows: readonly unknown[] }) => void (shown += rows.length) }
  const instances = compiled.map((query, index) => {
    const instance = new LiveInstance({
      identity: String(index),
      // As Kysely's builder would say of a query with an ORDER BY.
      shape: { sql: query.sql, node: undefined },
      parameters: query.parameters,
      options: { scope: scopeOf(values[index]!) },
      schedule: new Schedule(0, systemClock, Math.random),
      filter: undefined,
      transform: undefined,
      host: { now: () => Date.now(), onError: fail, refreshed: () => {} },
    })
    instance.plan = { ...plan, ordered: true }
    instance.watch(watcher)
    return instance
  })
  // One plan object is what makes them one shape.
  for (const instance of instances) instance.plan = instances[0]!.plan
  const [shapes, prepared] = [new Shapes(), new PreparedStatements(false)]
  let tick = 0
  return {
    statement: compiled[0]!.sql,
    refresh: async (orders) => {
      tick += 1
      const jobs = instances.map((query) => {
        query.schedule.mark(
          tick,
          { kind: 'interval' },
          orders?.map((id) => changeOf(query.plan, id)),
        )
        const { changes } = query.schedule
        return { query, changes, reasons: query.schedule.begin(tick) }
      })
      const transaction = TickTransaction.onPool(await shop.pool.connect())
      await transaction.begin()
      const client = transaction.lend()!
      shown = 0
      const startedAt = performance.now()
      const work = new Work(jobs, shapes, false, () => Date.now())
      const snapshot = { kind: 'lent', client, token: '1.1.1:1:', imported: undefined } as const
      await refresh(work, snapshot, false, worker(shop.pool, prepared), () => {})
      const ms = performance.now() - startedAt
      if (shown === 0 || instances.some(({ schedule }) => schedule.isDirty))
        throw new Error('not every instance was shown')
      return ms
    },
  }
}

function changeOf({ tables: [table] }: Plan, id: number) {
  const row = { id: String(id) }
  return { table: table!, change: rowChange(table!.relation, 'update', row, row) }
}

function worker(pool: Pool, prepared: PreparedStatements) {
  return {
    pool,
    statementTimeoutMs: 30_000,
    clock: systemClock,
    prepared,
    isStopped: () => false,
    isOver: () => false,
    clients: new Set<never>(),
  }
}
