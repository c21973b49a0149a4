import type { ClientBase } from 'pg'
import type { Batch } from '../../src/change.js'
import type { ChangeSource, ChangeSourceSignals } from '../../src/capture/contract.js'

/** Where a test may step in. */
export interface TapHooks {
  beforeStart?(control: ClientBase): Promise<void> | void
  beforeWatch?(): Promise<void> | void
  afterWatch?(): Promise<void> | void
  beforeRead?(transaction: ClientBase): Promise<void> | void
  afterRead?(batch: Batch): Promise<Batch | void> | Batch | void
}

/** Stands between the engine and its change source: sees every batch, can wake the engine, and lets a test step in. */
export class Tap {
  readonly batches: Batch[] = []
  readonly hooks: TapHooks
  control: ClientBase | undefined
  #signals: ChangeSourceSignals | undefined

  constructor(hooks: TapHooks = {}) {
    this.hooks = hooks
  }

  /** As the doorbell does: a read is worthwhile now. */
  readonly wake = (): void => this.#signals?.wake()

  /** For `createEngine`'s overrides. */
  readonly source = (source: ChangeSource): ChangeSource => ({
    start: async (control, signals) => {
      this.control = control
      this.#signals = signals
      await this.hooks.beforeStart?.(control)
      await source.start(control, signals)
    },
    watch: async (tables) => {
      await this.hooks.beforeWatch?.()
      await source.watch(tables)
      await this.hooks.afterWatch?.()
    },
    read: async (transaction) => {
      await this.hooks.beforeRead?.(transaction)
      const batch = await source.read(transaction)
      this.batches.push(batch)
      return (await this.hooks.afterRead?.(batch)) ?? batch
    },
    audit: (control) => source.audit(control),
    stop: () => source.stop(),
    writesNext: () => source.writesNext(),
  })

  /** Every change that was read so far. */
  get changes() {
    return this.batches.flatMap((batch) => batch.changes)
  }
}
