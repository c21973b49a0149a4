import type { Pool } from 'pg'
import { expect, vi } from 'vitest'
import { createEngine, type EngineOverrides } from '../../src/engine.js'
import type { Realtime, RealtimeError, RealtimeOptions } from '../../src/index.js'

export interface TestEngine<DB> extends Realtime<DB>, AsyncDisposable {
  /** Every error that had no caller, unless the test has its own `onError`. */
  readonly errors: RealtimeError[]
  /**
   * Resolves when nothing but new changes refreshes any more. Installing triggers, and whatever else casts doubt on the
   * changes of a moment, is followed by refreshes until all transactions of that moment have ended.
   */
  settle(): Promise<void>
}

/** An engine that is stopped at the end of the block that made it. */
export function startEngine<DB>(options: RealtimeOptions<DB>, overrides: EngineOverrides = {}): TestEngine<DB> {
  const errors: RealtimeError[] = []
  const engine = createEngine({ onError: (error) => errors.push(error), ...options }, overrides)
  return Object.assign(engine, {
    errors,
    async settle() {
      await openTransactionsEnd(options.pool)
      await nothingIsRefreshed(engine)
    },
    [Symbol.asyncDispose]: () => engine.stop(),
  })
}

async function openTransactionsEnd(pool: Pool): Promise<void> {
  const now = await pool.query<{ xmax: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text as xmax')
  await vi.waitFor(
    async () => {
      const { rows } = await pool.query('select pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 as ended', [
        now.rows[0]!.xmax,
      ])
      expect(rows).toEqual([{ ended: true }])
    },
    { timeout: 30_000 },
  )
}

async function nothingIsRefreshed<DB>(engine: Realtime<DB>): Promise<void> {
  let isQuiet = false
  const remove = engine.observe(() => (isQuiet = false))
  while (!isQuiet) {
    isQuiet = true
    await engine.barrier()
  }
  remove()
}
