import { randomBytes } from 'node:crypto'
import type { Client, ClientBase } from 'pg'
import type { PlanTable } from '../../analyze/plan.js'
import type { Batch, RelationId } from '../../change.js'
import { CaptureFailedError, ClosedError, UnsupportedDatabaseError } from '../../errors.js'
import type { Clock, Random } from '../../util/clock.js'
import { staysWithBackend } from '../../util/pool.js'
import type { Audit, ChangeSource, ChangeSourceSignals } from '../contract.js'
import { parseSnapshot, type PgSnapshot } from '../pg-snapshot.js'
import { BatchDecoder } from './batch-decoder.js'
import { Doorbell } from './doorbell.js'
import { excludedColumns } from './exclusions.js'
import { Gaps } from './gaps.js'
import { Installation } from './installation.js'
import { Lease } from './lease.js'
import { readLayouts, readLog, type LogReading } from './log-reader.js'
import { captureObjects, type CaptureObjects } from './objects.js'
import { currentSnapshot, notElsewhere } from './open-transactions.js'
import { ensureEpoch, Presence } from './presence.js'
import { Rotation, ROTATE_MS, setDoorbell } from './rotation.js'
import { LEASE_MS } from './settings.js'
import { truncatedUnread } from './truncation.js'
import type { Wakefulness } from './wakefulness.js'

export interface TriggerSourceOptions {
  /** The schema for capture's own objects. */
  readonly schema: string
  /** 'manual' only checks; see `installSql`. */
  readonly install: 'auto' | 'manual'
  /** A fresh, connected client for DDL; ended by the source. */
  readonly installer: () => Promise<Client>
  /** `false`: writers never ring. `undefined`: as the database was installed. Kept in the database, for all servers. */
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

/** All that belongs to one `start`. */
interface Running {
  readonly control: ClientBase
  readonly signals: ChangeSourceSignals
  readonly doorbell: Doorbell
  readonly lease: Lease
  readonly presence: Presence
  readonly rotation: Rotation
  /** The reading before, which a batch is compared with. */
  previous: { readonly reading: LogReading; readonly snapshot: PgSnapshot } | undefined
  /** Whether a connection stays with one backend. */
  readonly isDirect: boolean
  /** How the names of the statements that read begin, and which of them are prepared on a connection. */
  readonly statement: string
  readonly prepared: WeakMap<ClientBase, Set<string>>
  rotateTimer: unknown
  rotating: Promise<void> | undefined
}

/**
 * Changes by triggers: they append to an unlogged log, from which `read` takes what became visible. What lets a batch be
 * incomplete (nobody was reading, a crash, a truncated log, a trigger that could not log, a new trigger) makes it a gap.
 */
export class TriggerSource implements ChangeSource {
  readonly #options: TriggerSourceOptions
  readonly #objects: CaptureObjects
  readonly #installation: Installation
  readonly #gaps = new Gaps()
  readonly #signature = randomBytes(8).toString('hex')
  readonly #decoder = new BatchDecoder(this.#signature)
  /** Captured relations, and the columns that must stay out of the log. */
  readonly #watched = new Map<RelationId, readonly string[]>()
  /** Those that were captured, and could not be repaired. */
  readonly #broken = new Map<RelationId, readonly string[]>()
  #running: Running | undefined

  constructor(options: TriggerSourceOptions) {
    this.#options = options
    this.#objects = captureObjects(options.schema)
    this.#installation = new Installation(this.#objects, { ...options, signature: this.#signature })
  }

  /** How this reader learns of changes; `undefined` while it is not started. */
  get wakefulness(): Wakefulness | undefined {
    return this.#running?.doorbell.state
  }

  async start(control: ClientBase, signals: ChangeSourceSignals): Promise<void> {
    const { clock, safetyPollMs, doorbell } = this.#options
    const objects = this.#objects
    await checkServer(control)
    await this.#installation.ensureSchema(control)
    const isDirect = await staysWithBackend(control)
    // What is said to writers is worth nothing after a crash: nobody need wait for a disk, or for a standby.
    if (isDirect) await control.query(`SELECT pg_catalog.set_config('synchronous_commit', 'off', false)`)
    const rings = await setDoorbell(control, objects, doorbell)
    const lease = new Lease(control, objects, isDirect)
    const nonce = randomBytes(8).toString('hex')
    const running: Running = {
      control,
      signals,
      lease,
      doorbell: new Doorbell({ control, objects, lease, signals, safetyPollMs, clock, nonce, isDirect }),
      presence: new Presence(control, objects, isDirect),
      rotation: new Rotation(objects),
      previous: undefined,
      isDirect,
      statement: `_pg_realtime_read_${nonce}`,
      prepared: new WeakMap(),
      rotateTimer: undefined,
      rotating: undefined,
    }
    this.#gaps.clear()
    this.#decoder.clear()
    this.#watched.clear()
    this.#broken.clear()
    await running.presence.join()
    await ensureEpoch(control, objects, nonce)
    await this.#distrust(running, 'nobody here was reading before')
    await running.doorbell.start(rings)
    this.#running = running
    this.#armRotation(running)
  }

  async watch(tables: readonly PlanTable[]): Promise<void> {
    const running = this.#started()
    const wanted = await this.#unwatched(running.control, tables)
    if (wanted.size === 0) return
    // Whoever wrote before has ended, because the lock on the table was waited for: first results see what they wrote.
    await this.#installation.ensureRelations(running.control, wanted, tables)
    await this.#decoder.learn(running.control, [...wanted.keys()])
    this.#capture(wanted)
  }

  #capture(relations: ReadonlyMap<RelationId, readonly string[]>): void {
    for (const [relation, exclude] of relations) {
      this.#watched.set(relation, exclude)
      this.#broken.delete(relation)
    }
  }

  async read(transaction: ClientBase): Promise<Batch> {
    const running = this.#started()
    const { previous, doorbell, rotation, signals } = running
    const { renewedAt } = running.lease
    const reading = await readLog(transaction, this.#objects, {
      previous: previous?.snapshot.text,
      relations: [...this.#watched.keys()],
      hadOpen: (previous?.snapshot.inProgress.size ?? 0) > 0,
      statements: running.isDirect
        ? { prefix: running.statement, prepared: preparedOn(running, transaction) }
        : undefined,
    })
    const snapshot = parseSnapshot(reading.snapshot)
    const doubt = previous && this.#doubt(running, previous, reading, snapshot, renewedAt)
    if (doubt?.suspects === 'everybody') await this.#distrust(running, doubt.reason)
    else if (doubt) this.#gaps.add(doubt.reason, snapshot, await notElsewhere(running.control, doubt.suspects))
    if (reading.epoch === undefined) {
      await ensureEpoch(running.control, this.#objects, randomBytes(8).toString('hex'))
    }
    const unknown = this.#decoder.unknown(reading)
    const layouts = unknown.length > 0 ? await readLayouts(transaction, unknown) : []
    await doorbell.beforeCommit(transaction)
    // Nothing below fails: what is forgotten here must reach the caller.
    const { changes, gap } = this.#decoder.decode(reading, layouts, signals.onError)
    const settled = this.#gaps.settle(snapshot)
    running.previous = { reading, snapshot }
    doorbell.afterRead(reading, snapshot)
    if (rotation.afterRead(reading, snapshot, this.#options.clock.now())) this.#rotate(running)
    return {
      changes,
      snapshot: reading.snapshot,
      gap: doubt?.reason ?? settled ?? gap ?? (previous ? undefined : FIRST),
    }
  }

  writesNext(): boolean {
    return this.#running?.doorbell.probesNext ?? false
  }

  async audit(control: ClientBase): Promise<Audit> {
    const running = this.#started()
    await this.#installation.ensureSchema(control)
    const known = new Map([...this.#watched, ...this.#broken])
    // A relation may have another name, or other ancestors, than when it was first watched.
    const excluded = await excludedColumns(control, this.#options.exclude, [...known.keys()])
    const wanted = new Map(
      [...known].map(([id, exclude]) => [id, [...new Set([...exclude, ...(excluded.get(id) ?? [])])]]),
    )
    const { repaired, broken, outdated } = await this.#installation.repairRelations(running.control, wanted)
    for (const error of outdated) running.signals.onError(error)
    await this.#decoder.learn(
      control,
      repaired.map(({ relation }) => relation.relation),
    )
    this.#capture(wanted)
    for (const relation of broken.keys()) {
      this.#watched.delete(relation)
      this.#broken.set(relation, wanted.get(relation)!)
    }
    if (repaired.length > 0) {
      // One gap is enough, because whoever wrote unseen has ended: the lock on the table was waited for.
      this.#gaps.add('triggers were missing', await currentSnapshot(running.control))
      running.signals.wake()
    }
    return {
      repaired: repaired.map(({ relation, because }) => `${relation.schema}.${relation.name}: ${because}`),
      broken,
    }
  }

  async stop(): Promise<void> {
    const running = this.#running
    if (!running) return
    this.#running = undefined
    this.#options.clock.clearTimeout(running.rotateTimer)
    await running.doorbell.stop()
    await running.rotating
    // The connection may be gone; writers then learn it when the lease runs out.
    await running.presence.leave(randomBytes(8).toString('hex')).catch(() => {})
  }

  /** Resolves when nothing that a timer or a read began is still under way. */
  async settled(): Promise<void> {
    await this.#running?.doorbell.settled()
    await this.#running?.rotating
  }

  #started(): Running {
    if (!this.#running) throw new ClosedError('The change source is not started.')
    return this.#running
  }

  /** Relations that are not captured yet, and the columns that must stay out of the log. */
  async #unwatched(control: ClientBase, tables: readonly PlanTable[]): Promise<Map<RelationId, readonly string[]>> {
    const relations = [...new Set(tables.flatMap((table) => [table.relation, ...table.family]))]
    const fresh = relations.filter((relation) => !this.#watched.has(relation))
    const excluded = await excludedColumns(control, this.#options.exclude, fresh)
    return new Map(fresh.map((relation) => [relation, excluded.get(relation) ?? []]))
  }

  /** Everything up to now is in doubt, and what transactions that are open now have written. From now on writers log. */
  async #distrust(running: Running, reason: string): Promise<void> {
    const { lease, control } = running
    try {
      await lease.renew(0)
      lease.takeLapse()
      const snapshot = await currentSnapshot(control)
      this.#gaps.add(reason, snapshot, await notElsewhere(control, snapshot.inProgress))
    } catch (error) {
      // The next reading must have the same doubt.
      lease.suspectLapse()
      throw error
    }
    running.signals.wake()
  }

  /** Why changes of this batch may be missing from the log. `suspects`: and of these transactions, which are still open. */
  #doubt(
    { lease, signals }: Running,
    previous: NonNullable<Running['previous']>,
    reading: LogReading,
    snapshot: PgSnapshot,
    /** As it was before the reading: a renewal that came later must not be held against it. */
    renewedAt: number,
  ): { readonly reason: string; readonly suspects: 'everybody' | ReadonlySet<bigint> } | undefined {
    if (reading.lost !== previous.reading.lost) {
      signals.onError(
        new CaptureFailedError(
          `A trigger could not write to the change log in schema ${this.#objects.quotedSchema}: a table of it is missing. ` +
            'The write went through, and everything is refreshed instead.',
        ),
      )
      return { reason: 'a trigger could not write to the change log', suspects: 'everybody' }
    }
    if (reading.epoch !== previous.reading.epoch) {
      return {
        reason: 'the change log was emptied by a crash, or writers were told to stop logging',
        suspects: 'everybody',
      }
    }
    if (lease.takeLapse() || reading.now >= renewedAt + LEASE_MS || reading.awakeUntil < renewedAt) {
      return {
        reason: 'this reader did not show itself for so long that writers stopped logging',
        suspects: 'everybody',
      }
    }
    const suspects = truncatedUnread(previous, reading.dropped, snapshot)
    if (suspects) return { reason: 'a part of the change log was truncated before it was read', suspects }
    return undefined
  }

  #armRotation(running: Running): void {
    running.rotateTimer = this.#options.clock.setTimeout(() => {
      this.#rotate(running)
      this.#armRotation(running)
    }, ROTATE_MS)
  }

  #rotate(running: Running): void {
    running.rotating ??= running.rotation
      .rotate(running.control, this.#options.clock.now())
      .then(
        () => {},
        (error: unknown) => {
          if (this.#running !== running) return
          const message = error instanceof Error ? error.message : String(error)
          running.signals.onError(
            new CaptureFailedError(`The change log could not be emptied: ${message}`, { cause: error }),
          )
        },
      )
      .finally(() => {
        running.rotating = undefined
      })
  }
}

const FIRST = 'this is the first look at the change log'

function preparedOn({ prepared }: Running, transaction: ClientBase): Set<string> {
  let names = prepared.get(transaction)
  if (!names) prepared.set(transaction, (names = new Set()))
  return names
}

async function checkServer(control: ClientBase): Promise<void> {
  const { rows } = await control.query<{ version: number; standby: boolean }>(
    `SELECT pg_catalog.current_setting('server_version_num')::int AS version, pg_catalog.pg_is_in_recovery() AS standby`,
  )
  const server = rows[0]
  if (!server || server.version < 140_000)
    throw new UnsupportedDatabaseError('pg-realtime needs PostgreSQL 14 or newer.')
  if (server.standby) {
    throw new UnsupportedDatabaseError('This server is a standby, which cannot be read from: connect to the primary.')
  }
}
