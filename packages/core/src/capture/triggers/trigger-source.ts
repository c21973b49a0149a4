import type { Client, ClientBase, Notification } from 'pg'
import type { PlanTable } from '../../analyze/plan.js'
import type { Batch, Change, RelationId } from '../../change.js'
import { CaptureFailedError, NotInstalledError, UnsupportedDatabaseError, type RealtimeError } from '../../errors.js'
import type { Clock, Random } from '../../util/clock.js'
import { endClient, quoteIdentifier } from '../../util/postgres.js'
import type { ChangeSource, ChangeSourceSignals } from '../contract.js'
import { hasEnded, parseSnapshot, type PgSnapshot } from '../pg-snapshot.js'
import { Gaps } from './gaps.js'
import { installRelations, installSchema, isSchemaInstalled, missingRequirements } from './install.js'
import { currentSnapshot, ensureEpoch, renewLease } from './lease.js'
import { LAYOUT_JSON, readLog, toChange, type Layout, type LogReading } from './log-reader.js'
import { captureObjects, type CaptureObjects } from './objects.js'
import { LEASE_MS } from './settings.js'

export interface TriggerSourceOptions {
  /** The schema for capture's own objects. */
  readonly schema: string
  /** 'manual' only checks; see `installSql`. */
  readonly install: 'auto' | 'manual'
  /** A fresh, connected client for DDL; ended by the source. */
  readonly installer: () => Promise<Client>
  /** `false`: writers never ring. `undefined`: as the database was installed. */
  readonly doorbell: boolean | undefined
  /** Columns that must not enter the log, by a table's label. */
  readonly exclude: ReadonlyMap<string, readonly string[]>
  readonly safetyPollMs: number
  readonly clock: Clock
  readonly random: Random
}

export function createTriggerSource(options: TriggerSourceOptions): TriggerSource {
  return new TriggerSource(options)
}

const MAX_QUIET_MS = 2_000

/** What a batch is compared with: the reading before. */
interface Previous {
  readonly snapshot: PgSnapshot
  readonly lost: bigint
  readonly dropped: readonly [bigint, bigint]
  readonly epoch: string | undefined
}

export class TriggerSource implements ChangeSource {
  readonly #options: TriggerSourceOptions
  readonly #objects: CaptureObjects
  readonly #gaps = new Gaps()
  /** Captured relations, and what must stay out of the log. */
  readonly #watched = new Map<RelationId, readonly string[]>()
  readonly #layouts = new Map<RelationId, Layout>()
  #control: ClientBase | undefined
  #signals: ChangeSourceSignals | undefined
  #previous: Previous | undefined
  /** The database's time when writers were last told that somebody reads. */
  #renewedAt = 0
  #safetyPoll: unknown
  #background: Promise<void> = Promise.resolve()

  constructor(options: TriggerSourceOptions) {
    this.#options = options
    this.#objects = captureObjects(options.schema)
  }

  async start(control: ClientBase, signals: ChangeSourceSignals): Promise<void> {
    await checkServer(control)
    await this.#ensureSchema(control)
    await ensureEpoch(control, this.#objects, String(this.#options.random()))
    this.#control = control
    this.#signals = signals
    this.#previous = undefined
    this.#gaps.clear()
    control.on('notification', this.#onNotification)
    await control.query(`LISTEN ${quoteIdentifier(this.#objects.channel)}`)
    await this.#distrust('nobody was reading before')
    this.#schedule()
  }

  async watch(tables: readonly PlanTable[]): Promise<void> {
    const control = this.#connected()
    const fresh = new Map<RelationId, readonly string[]>()
    for (const table of tables) {
      const exclude = this.#options.exclude.get(table.label) ?? []
      for (const relation of [table.relation, ...table.family]) {
        const known = fresh.get(relation) ?? this.#watched.get(relation)
        const union = [...new Set([...(known ?? []), ...exclude])]
        if (known === undefined || union.length > known.length) fresh.set(relation, union)
      }
    }
    if (fresh.size === 0) return
    await this.#install(control, fresh, tables)
    await this.#loadLayouts(control, [...fresh.keys()])
    for (const [relation, exclude] of fresh) this.#watched.set(relation, exclude)
  }

  async read(transaction: ClientBase): Promise<Batch> {
    const control = this.#connected()
    const previous = this.#previous
    const reading = await readLog(transaction, this.#objects, previous?.snapshot.text, [...this.#watched.keys()])
    const snapshot = parseSnapshot(reading.snapshot)
    const reasons = [
      this.#gaps.settle(snapshot),
      previous ? undefined : 'this is the first look at the change log',
      previous && this.#lostLog(previous, reading, snapshot),
      await this.#missedWrites(previous, reading),
    ]
    const { changes, gap } = this.#decode(reading, previous === undefined)
    if (reading.epoch === undefined) await ensureEpoch(control, this.#objects, String(this.#options.random()))
    this.#previous = { snapshot, lost: reading.lost, dropped: reading.dropped, epoch: reading.epoch }
    return { changes, snapshot: reading.snapshot, gap: reasons.find((reason) => reason !== undefined) ?? gap }
  }

  async audit(control: ClientBase): Promise<readonly string[]> {
    const missing = await missingRequirements(control, this.#objects, this.#watched)
    if (missing.length === 0) return []
    await this.#install(control, this.#watched, [])
    return missing.map(({ relation, because }) => `${relation.schema}.${relation.name}: ${because}`)
  }

  async stop(): Promise<void> {
    const control = this.#control
    if (!control) return
    this.#control = undefined
    this.#signals = undefined
    this.#options.clock.clearTimeout(this.#safetyPoll)
    control.off('notification', this.#onNotification)
    await control.query(`UNLISTEN ${quoteIdentifier(this.#objects.channel)}`).catch(() => {})
    await this.#background
  }

  /** Resolves when nothing that a timer began is still under way. */
  async settled(): Promise<void> {
    await this.#background
  }

  readonly #onNotification = (message: Notification): void => {
    if (message.channel === this.#objects.channel) this.#signals?.wake()
  }

  #connected(): ClientBase {
    if (!this.#control) throw new Error('the change source is not started')
    return this.#control
  }

  async #ensureSchema(control: ClientBase): Promise<void> {
    if (this.#options.install === 'manual') {
      if (await isSchemaInstalled(control, this.#objects)) return
      throw new NotInstalledError(
        [],
        `Change capture is not installed in schema ${this.#objects.quotedSchema}: run the SQL that \`pg-realtime sql\` prints.`,
      )
    }
    const { rows } = await control.query<{ role: string }>('SELECT current_user::text AS role')
    const reader = rows[0]?.role ?? ''
    await this.#withInstaller((client) => installSchema(client, this.#objects, reader, this.#options))
  }

  async #install(
    control: ClientBase,
    wanted: ReadonlyMap<RelationId, readonly string[]>,
    tables: readonly PlanTable[],
  ): Promise<void> {
    const missing = await missingRequirements(control, this.#objects, wanted)
    if (missing.length === 0) return
    if (this.#options.install === 'manual') throw notInstalled(missing, tables)
    await this.#withInstaller((client) => installRelations(client, this.#objects, wanted, this.#options))
    // Whoever wrote before has ended: the lock was waited for. What they wrote unseen is repaired by one gap.
    this.#gaps.add('triggers were installed', await currentSnapshot(control), false)
    this.#signals?.wake()
  }

  async #withInstaller<T>(use: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.#options.installer()
    try {
      return await use(client)
    } finally {
      await endClient(client)
    }
  }

  async #loadLayouts(control: ClientBase, relations: readonly RelationId[]): Promise<void> {
    const { rows } = await control.query<{ layout: Layout }>(
      `SELECT ${LAYOUT_JSON} AS layout FROM unnest($1::oid[]) relation`,
      [relations],
    )
    for (const { layout } of rows) this.#layouts.set(layout.relation, layout)
  }

  /** Writers may have skipped the log, or could not write to it: everything up to now, and what is open now, is in doubt. */
  async #distrust(reason: string): Promise<void> {
    const control = this.#connected()
    this.#renewedAt = await renewLease(control, this.#objects, 0, MAX_QUIET_MS)
    this.#gaps.add(reason, await currentSnapshot(control), true)
    this.#signals?.wake()
  }

  /** Entries of this batch that were in the log and are not there any more. */
  #lostLog(previous: Previous, reading: LogReading, snapshot: PgSnapshot): string | undefined {
    if (reading.epoch !== previous.epoch) return 'a crash of the server emptied the change log'
    const truncated = reading.dropped.some((dropped, segment) => {
      if (dropped === previous.dropped[segment]) return false
      if (dropped >= previous.snapshot.xmax) return true
      return [...previous.snapshot.inProgress].some((open) => open <= dropped && hasEnded(snapshot, open))
    })
    return truncated ? 'part of the change log was truncated before it was read' : undefined
  }

  /** Changes that never came into the log. */
  async #missedWrites(previous: Previous | undefined, reading: LogReading): Promise<string | undefined> {
    let reason: string | undefined
    if (previous && reading.lost !== previous.lost) {
      reason = 'a trigger could not write to the change log'
      this.#signals?.onError(
        new CaptureFailedError(
          `A change could not be logged: the log in schema ${this.#objects.quotedSchema} is missing. Everything is refreshed instead.`,
        ),
      )
    } else if (reading.now >= this.#renewedAt + LEASE_MS || reading.awakeUntil < this.#renewedAt) {
      reason = 'writers were not told in time that somebody reads'
    }
    if (reason) await this.#distrust(reason)
    return reason
  }

  #decode(reading: LogReading, first: boolean): { changes: Change[]; gap: string | undefined } {
    let gap: string | undefined
    for (const [relation, layout] of reading.layouts) {
      if (!first && this.#layouts.get(relation)?.fingerprint !== layout.fingerprint)
        gap = `columns of relation ${relation} were changed`
      this.#layouts.set(relation, layout)
    }
    const changes: Change[] = []
    for (const entry of reading.entries) {
      if (entry.failure !== null) {
        this.#signals?.onError(
          new CaptureFailedError(
            `Rows of relation ${entry.relation} could not be logged (${entry.failure}); the whole table counts as changed.`,
          ),
        )
      }
      try {
        const layout = reading.layouts.get(entry.relation)
        if (layout) changes.push(toChange(entry, layout))
      } catch (error) {
        gap ??= `rows of relation ${entry.relation} are of another layout: ${(error as Error).message}`
      }
    }
    return { changes, gap }
  }

  #schedule(): void {
    this.#safetyPoll = this.#options.clock.setTimeout(() => {
      this.#background = this.#safety()
      this.#schedule()
    }, this.#options.safetyPollMs)
  }

  async #safety(): Promise<void> {
    const control = this.#control
    if (!control) return
    this.#signals?.wake()
    try {
      this.#renewedAt = await renewLease(control, this.#objects, 0, MAX_QUIET_MS)
    } catch (error) {
      this.#signals?.onError(error as RealtimeError)
    }
  }
}

function notInstalled(
  missing: Awaited<ReturnType<typeof missingRequirements>>,
  tables: readonly PlanTable[],
): NotInstalledError {
  const names = missing.map(({ relation }) => `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.name)}`)
  const labels = tables.map((table) => table.label).join(' ')
  return new NotInstalledError(
    names,
    `Change capture is not installed, or not in this version, on ${names.join(', ')}. Run the SQL that \`pg-realtime sql ${labels}\` prints.`,
  )
}

async function checkServer(control: ClientBase): Promise<void> {
  const { rows } = await control.query<{ version: number; standby: boolean }>(
    `SELECT current_setting('server_version_num')::int AS version, pg_catalog.pg_is_in_recovery() AS standby`,
  )
  const server = rows[0]
  if (!server || server.version < 140000)
    throw new UnsupportedDatabaseError('pg-realtime needs PostgreSQL 14 or newer.')
  if (server.standby)
    throw new UnsupportedDatabaseError('This server is a standby: connect pg-realtime to the primary.')
}
