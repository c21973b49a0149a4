import { createDatabase, type TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Client, ClientConfig } from 'pg'
import type { PlanTable } from '../analyze/plan.js'
import type { Batch, Change, RelationId, TextRow } from '../change.js'
import type { RealtimeError } from '../errors.js'
import { SerialClient } from '../connection/serial-client.js'
import type { ChangeSource } from './contract.js'

/** Makes a source over a database; `connect` is what it may install with. */
export type SourceFactory<Source extends ChangeSource> = (connect: () => Promise<Client>) => Source

/** A change, short enough to be written down in a test: relation by name, rows as they are in the batch. */
export interface ChangeNote {
  readonly kind: string
  readonly table: string
  readonly old?: TextRow
  readonly new?: TextRow
  readonly hashed?: readonly string[]
}

/** A change source with all that an engine gives it, and a session that writes. */
export class SourceHarness<Source extends ChangeSource = ChangeSource> {
  readonly database: TestDatabase
  readonly source: Source
  /** The application's session. */
  readonly writer: Client
  readonly errors: RealtimeError[] = []
  wakes = 0
  #control: Client
  #reader: Client
  #onWake: (() => void)[] = []
  #following: Promise<void> | undefined
  #isClosed = false
  readonly #watched = new Map<string, PlanTable>()
  readonly #ownsDatabase: boolean

  private constructor(
    database: TestDatabase,
    ownsDatabase: boolean,
    source: Source,
    clients: [Client, Client, Client],
  ) {
    this.database = database
    this.#ownsDatabase = ownsDatabase
    this.source = source
    ;[this.writer, this.#control, this.#reader] = clients
  }

  /** Started, with its first batch read. Without a database, one of its own. */
  static async open<S extends ChangeSource>(
    factory: SourceFactory<S>,
    existing?: TestDatabase,
  ): Promise<SourceHarness<S>> {
    const database = existing ?? (await createDatabase())
    const connect = (config?: ClientConfig) => database.connect(config)
    const clients = await Promise.all([connect(), serialClient(database), connect()])
    const harness = new SourceHarness<S>(database, !existing, factory(connect), clients)
    for (const client of clients) client.on('error', () => {})
    try {
      await harness.start()
    } catch (error) {
      await harness[Symbol.asyncDispose]()
      throw error
    }
    return harness
  }

  get control(): Client {
    return this.#control
  }

  async start(): Promise<void> {
    await this.source.start(this.#control, {
      wake: () => {
        this.wakes += 1
        for (const resolve of this.#onWake.splice(0)) resolve()
      },
      onError: (error) => this.errors.push(error),
    })
    await this.drain()
  }

  /** As the engine does after a lost connection: a new control and reader, and the source started anew. */
  async reconnect(): Promise<void> {
    await this.source.stop()
    await Promise.all([this.#control.end().catch(() => {}), this.#reader.end().catch(() => {})])
    this.#control = await serialClient(this.database)
    this.#reader = await this.database.connect()
    for (const client of [this.#control, this.#reader]) client.on('error', () => {})
    await this.start()
    await this.source.watch([...this.#watched.values()])
    await this.drain()
  }

  /** Runs statements of the application, and returns the rows of the last one. */
  async run(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    const result: unknown = await this.writer.query(sql, values)
    const last = (Array.isArray(result) ? result.at(-1) : result) as { rows: Record<string, unknown>[] }
    return last.rows
  }

  /** Watches these tables, and reads until nothing is in doubt any more. */
  async watch(...names: string[]): Promise<void> {
    for (const name of names) this.#watched.set(name, await planTable(this.writer, name))
    await this.source.watch(names.map((name) => this.#watched.get(name) as PlanTable))
    await this.drain()
  }

  table(name: string): PlanTable {
    return this.#watched.get(name) as PlanTable
  }

  /** One batch. */
  async read(inTransaction?: (reader: Client) => Promise<void>): Promise<Batch> {
    await this.#reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    try {
      const batch = await this.source.read(this.#reader)
      await inTransaction?.(this.#reader)
      return batch
    } finally {
      await this.#reader.query('COMMIT')
    }
  }

  /** Reads until a batch is no gap. */
  async drain(): Promise<void> {
    for (let reads = 0; reads < 10; reads += 1) if ((await this.read()).gap === undefined) return
    throw new Error('every batch is a gap')
  }

  /** The changes of one batch that must not be a gap. */
  async changes(): Promise<ChangeNote[]> {
    const batch = await this.read()
    if (batch.gap !== undefined) throw new Error(`unexpected gap: ${batch.gap}`)
    return this.notes(batch.changes)
  }

  async notes(changes: readonly Change[]): Promise<ChangeNote[]> {
    const names = await this.#names(changes.map((change) => change.relation))
    return changes.map((change) => {
      const table = names.get(change.relation) ?? String(change.relation)
      if (change.kind !== 'row') return { kind: change.kind, table }
      return {
        kind: change.operation,
        table,
        ...(change.oldRow && { old: { ...change.oldRow } }),
        ...(change.newRow && { new: { ...change.newRow } }),
        ...(change.hashed.size > 0 && { hashed: [...change.hashed].sort() }),
      }
    })
  }

  /** Reads whenever it is woken, as an engine does, until it is closed. Returns the changes as they come. */
  follow(): Change[] {
    const seen: Change[] = []
    this.#following = (async () => {
      let read = 0
      while (!this.#isClosed) {
        if (read === this.wakes) await new Promise<void>((resolve) => this.#onWake.push(resolve))
        read = this.wakes
        if (!this.#isClosed) seen.push(...(await this.read()).changes)
      }
    })()
    return seen
  }

  /** Ends following, as if the process were killed: nobody is told. */
  async unfollow(): Promise<void> {
    this.#isClosed = true
    for (const resolve of this.#onWake.splice(0)) resolve()
    await this.#following
  }

  /** Another source on the same database, closed by itself. */
  async another(factory: SourceFactory<Source>): Promise<SourceHarness<Source>> {
    return SourceHarness.open(factory, this.database)
  }

  async #names(relations: readonly RelationId[]): Promise<Map<RelationId, string>> {
    const { rows } = await this.writer.query<{ oid: string; name: string }>(
      'SELECT oid::int8, relname AS name FROM pg_catalog.pg_class WHERE oid = ANY ($1)',
      [relations],
    )
    return new Map(rows.map((row) => [Number(row.oid), row.name]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unfollow()
    await this.source.stop()
    await Promise.all([this.writer, this.#control, this.#reader].map((client) => client.end().catch(() => {})))
    if (this.#ownsDatabase) await this.database[Symbol.asyncDispose]()
  }
}

/** What the analysis would say of a table: all of its columns, and all of its family. */
export async function planTable(client: Client, name: string): Promise<PlanTable> {
  const { rows } = await client.query<{
    relation: string
    schema: string
    table: string
    above: string[]
    below: string[]
  }>(
    `WITH RECURSIVE above(oid) AS (
       SELECT inhparent FROM pg_inherits WHERE inhrelid = $1::regclass
       UNION SELECT inhparent FROM pg_inherits JOIN above ON inhrelid = above.oid
     ), below(oid) AS (
       SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass
       UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid
     )
     SELECT c.oid::int8 AS relation, nspname AS schema, relname AS table,
       ARRAY(SELECT oid::int8 FROM above) AS above, ARRAY(SELECT oid::int8 FROM below) AS below
     FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = $1::regclass`,
    [name],
  )
  const found = rows[0]
  if (!found) throw new Error(`no table ${name}`)
  const relation = Number(found.relation)
  const ancestors = found.above.map(Number)
  return {
    relation,
    schema: found.schema,
    name: found.table,
    label: found.schema === 'public' ? found.table : `${found.schema}.${found.table}`,
    columns: 'all',
    family: [relation, ...found.below.map(Number), ...ancestors],
    ancestors,
    columnTypes: {},
    comparable: {},
  }
}

/** As the engine's own: several users take turns. */
export async function serialClient(database: TestDatabase): Promise<Client> {
  const client = new SerialClient({ connectionString: database.connectionString })
  client.on('error', () => {})
  await client.connect()
  return client
}
