import { randomInt } from 'node:crypto'
import { sql, type RawBuilder } from 'kysely'
import { vi, expect } from 'vitest'
import type { TestData } from './database.js'

/** Holds queries back inside of PostgreSQL: those that contain `join` wait while the gate is closed. */
export interface Gate extends AsyncDisposable {
  /** For a FROM clause: `select … from orders ${gate.join} where …`. Volatile: the query needs `refreshEvery: false`. */
  readonly join: RawBuilder<unknown>
  close(): Promise<void>
  open(): Promise<void>
  /** Resolves when at least `count` queries wait. */
  someoneWaits(count?: number): Promise<void>
}

export async function openGate<DB>(data: TestData<DB>): Promise<Gate> {
  const key = randomInt(2 ** 31)
  const keeper = await data.connect()
  const run = async (statement: string) => {
    await keeper.query(statement)
  }
  return {
    join: sql`cross join (select pg_advisory_xact_lock_shared(${sql.lit(key)})) as gate`,
    close: () => run(`select pg_advisory_lock(${key})`),
    open: () => run(`select pg_advisory_unlock_all()`),
    someoneWaits: (count = 1) =>
      vi.waitFor(async () => {
        const { rows } = await keeper.query(
          `select from pg_locks where locktype = 'advisory' and objid = ${key} and not granted`,
        )
        expect(rows.length).toBeGreaterThanOrEqual(count)
      }),
    [Symbol.asyncDispose]: () => keeper.end(),
  }
}
