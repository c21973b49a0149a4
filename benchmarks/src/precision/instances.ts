import type { LiveQuery, Realtime } from '@pg-realtime/core'
import type { Kysely } from 'kysely'
import type { Pool } from 'pg'
import type { ShopTables } from '../harness/shop.js'
import { SHAPES, WATCHED, type Shape } from './shapes.js'

export interface Instance {
  readonly shape: Shape
  readonly live: LiveQuery<object>
  readonly sql: string
  readonly parameters: readonly unknown[]
  /** The result of the latest fresh run. */
  fresh: string
  refreshes: number
}

export async function openInstances(
  realtime: Realtime<ShopTables>,
  db: Kysely<ShopTables>,
  perShape: number,
): Promise<Instance[]> {
  await realtime.live(SHAPES[0]!.query(db, WATCHED)).ready
  const instances = SHAPES.flatMap((shape) =>
    Array.from({ length: perShape }, (_, index): Instance => {
      const query = shape.query(db, index + 1)
      const { sql, parameters } = query.compile()
      return { shape, live: realtime.live(query), sql, parameters, fresh: '', refreshes: 0 }
    }),
  )
  await Promise.all(instances.map(({ live }) => live.ready))
  return instances
}

/** Runs every query anew; the instances whose result is another one than before. Rows without an order are compared as a set. */
export async function runFresh(pool: Pool, instances: readonly Instance[]): Promise<Set<Instance>> {
  const changed = new Set<Instance>()
  await Promise.all(
    instances.map(async (instance) => {
      const { rows } = await pool.query<object>({
        name: instance.shape.name.slice(0, 60),
        text: instance.sql,
        values: [...instance.parameters],
      })
      const text = asText(rows)
      if (text === instance.fresh) return
      instance.fresh = text
      changed.add(instance)
    }),
  )
  return changed
}

export function asText(rows: readonly object[]): string {
  return rows
    .map((row) => JSON.stringify(row))
    .toSorted()
    .join('\n')
}
