import { createHash } from 'node:crypto'
import {
  ClosedError,
  type EngineStatus,
  type LiveInput,
  type LiveOptions,
  type LiveQuery,
  type LiveState,
  type Realtime,
  type RealtimeError,
  type Update,
} from '@pg-realtime/core'
import { diffRows } from '@pg-realtime/core/snapshot'
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
} from 'kysely'
import superjson from 'superjson'

type Row = object

/** The rows of a query, as the test says; may throw, and then the query fails. */
export type Answer = (query: { readonly sql: string; readonly parameters: readonly unknown[] }) => readonly Row[]

/** A Kysely that compiles and never runs. */
export function offlineKysely<DB>(): Kysely<DB> {
  return new Kysely<DB>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

/**
 * The core's contract in memory: what a test commits arrives at once, and every failure is the test's own. Everything
 * about sharing, states and handles is as the contract has it.
 */
export class FakeRealtime<DB> implements Realtime<DB> {
  readonly db = offlineKysely<DB>()
  readonly #instances = new Map<string, Instance>()
  readonly #statusListeners = new Set<(status: EngineStatus) => void>()
  #answer: Answer
  #status: EngineStatus = 'live'
  #xid = 100
  #wasStopped = false
  /** Every query that was ever made live, in order. */
  readonly opened: string[] = []
  /** What `barrier` waits for. */
  barriers: () => Promise<void> = () => Promise.resolve()
  barrierCalls = 0
  /** What listeners of live queries threw: it is nobody else's business. */
  readonly listenerErrors: unknown[] = []
  /** Keeps first results from coming until it resolves. */
  firstResults: Promise<void> = Promise.resolve()

  constructor(answer: Answer) {
    this.#answer = answer
  }

  get status(): EngineStatus {
    return this.#status
  }

  get size(): number {
    return this.#instances.size
  }

  /** How many handles are open, over all live queries. */
  get handles(): number {
    return [...this.#instances.values()].reduce((sum, { handles }) => sum + handles.size, 0)
  }

  get snapshot(): string {
    return token(this.#xid)
  }

  /** Something was committed: every live query shows what the answers are now. */
  commit(answer: Answer = this.#answer): void {
    this.#answer = answer
    this.#xid += 1
    for (const instance of this.#instances.values()) instance.refresh(this.#answer, this.snapshot)
  }

  /** As after another server's start: snapshots begin at this transaction again. */
  rewind(xid: number): void {
    this.#xid = xid
  }

  loseConnection(error: RealtimeError): void {
    this.#enter('stale')
    for (const instance of this.#instances.values()) instance.fail(error)
  }

  recover(): void {
    this.#enter('live')
    for (const instance of this.#instances.values()) instance.refresh(this.#answer, this.snapshot)
  }

  live<R>(query: LiveInput<R>, options: LiveOptions<DB, R> = {}): LiveQuery<R> {
    const compiled = (query as { compile(db: Kysely<DB>): CompiledQuery }).compile(this.db)
    const identity = JSON.stringify([compiled.sql, compiled.parameters, options.scope ?? null])
    this.opened.push(compiled.sql)
    let instance = this.#instances.get(identity)
    if (this.#wasStopped) {
      const closed = new Instance(compiled, this.listenerErrors, () => {})
      closed.end(new ClosedError('The engine is stopped.'))
      return closed.handle() as unknown as LiveQuery<R>
    }
    if (!instance) {
      instance = new Instance(compiled, this.listenerErrors, () => this.#instances.delete(identity))
      this.#instances.set(identity, instance)
      const first = instance
      void this.firstResults.then(() => first.refresh(this.#answer, this.snapshot))
    }
    return instance.handle() as unknown as LiveQuery<R>
  }

  start(): Promise<void> {
    this.#wasStopped = false
    this.#enter('live')
    return Promise.resolve()
  }

  /** As the engine does: live queries end first, and only then it counts as stopped. */
  async stop(): Promise<void> {
    this.#wasStopped = true
    this.endAll(new ClosedError('The engine was stopped.'))
    await Promise.resolve()
    this.#enter('stopped')
  }

  /** Live queries that could not be analyzed, or installed, are closed with the reason. */
  endAll(error: RealtimeError): void {
    for (const instance of [...this.#instances.values()]) instance.end(error)
  }

  barrier(): Promise<void> {
    this.barrierCalls += 1
    if (this.#wasStopped) return Promise.reject(new ClosedError('The engine is stopped.'))
    return this.barriers()
  }

  onStatus(listener: (status: EngineStatus) => void): () => void {
    this.#statusListeners.add(listener)
    return () => this.#statusListeners.delete(listener)
  }

  get statusListeners(): number {
    return this.#statusListeners.size
  }

  #enter(status: EngineStatus): void {
    this.#status = status
    for (const listener of [...this.#statusListeners]) listener(status)
  }

  get(): undefined {}
  close(): undefined {}
  observe(): () => void {
    return () => {}
  }
  uninstall(): Promise<void> {
    return Promise.resolve()
  }
}

export function token(xid: number): string {
  return `7.1.${xid}:${xid}:`
}

/** One live query, shared by its handles. */
class Instance {
  readonly query: CompiledQuery
  readonly listenerErrors: unknown[]
  readonly handles = new Set<Handle>()
  readonly ready: Promise<readonly Row[]>
  readonly #forget: () => void
  #settle!: { resolve(rows: readonly Row[]): void; reject(error: unknown): void }
  #rows = new Map<string, Row>()
  state: LiveState<Row> = { rows: [], status: 'pending', version: '', snapshot: '', error: undefined }

  constructor(query: CompiledQuery, listenerErrors: unknown[], forget: () => void) {
    this.query = query
    this.listenerErrors = listenerErrors
    this.#forget = forget
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
    this.ready.catch(() => {})
  }

  handle(): Handle {
    const handle = new Handle(this)
    this.handles.add(handle)
    return handle
  }

  refresh(answer: Answer, snapshot: string): void {
    if (this.state.status === 'closed') return
    try {
      this.#show(answer(this.query), snapshot)
    } catch (error) {
      this.fail(error as RealtimeError)
    }
  }

  fail(error: RealtimeError): void {
    this.#settle.reject(error)
    this.#enter({ ...this.state, status: this.state.version === '' ? 'pending' : 'stale', error })
  }

  end(error: RealtimeError): void {
    if (this.state.status === 'closed') return
    this.#forget()
    this.#settle.reject(error)
    this.#enter({ ...this.state, status: 'closed', error })
  }

  release(handle: Handle): boolean {
    const wasOpen = this.handles.delete(handle)
    if (wasOpen && this.handles.size === 0) this.end(new ClosedError('The live query was closed.'))
    return wasOpen
  }

  #show(answer: readonly Row[], snapshot: string): void {
    const texts = answer.map((row) => superjson.stringify(row))
    const version = createHash('sha256').update(texts.join('\n')).digest('base64url').slice(0, 22)
    if (version === this.state.version)
      return this.#enter({ ...this.state, status: 'live', snapshot, error: undefined })
    const known = this.#rows
    this.#rows = new Map(texts.map((text, index) => [text, known.get(text) ?? Object.freeze({ ...answer[index]! })]))
    const rows = Object.freeze(texts.map((text) => this.#rows.get(text)!))
    this.#enter({ rows, status: 'live', version, snapshot, error: undefined })
    this.#settle.resolve(rows)
  }

  #enter(next: LiveState<Row>): void {
    const previous = this.state
    this.state = next
    const kind = next.version !== previous.version ? 'rows' : 'status'
    if (kind === 'status' && next.status === previous.status && next.error === previous.error) return
    const patch = diffRows(previous.rows, next.rows)
    for (const handle of [...this.handles]) handle.tell({ ...next, kind, previousRows: previous.rows, patch })
  }
}

class Handle implements LiveQuery<Row> {
  readonly id = undefined
  readonly #instance: Instance
  readonly #listeners = new Set<(update: Update<Row>) => void>()

  constructor(instance: Instance) {
    this.#instance = instance
  }

  get ready() {
    return this.#instance.ready
  }
  get rows() {
    return this.#instance.state.rows
  }
  get status() {
    return this.#instance.state.status
  }
  get version() {
    return this.#instance.state.version
  }
  get snapshot() {
    return this.#instance.state.snapshot
  }
  get error() {
    return this.#instance.state.error
  }
  get single() {
    return this.rows[0]
  }

  tell(update: Update<Row>): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(update)
      } catch (error) {
        this.#instance.listenerErrors.push(error)
      }
    }
  }

  subscribe(listener: (update: Update<Row>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): boolean {
    return this.#instance.release(this)
  }

  map(): never {
    throw new Error('not part of the fake')
  }
  replace(): never {
    throw new Error('not part of the fake')
  }
  explain(): never {
    throw new Error('not part of the fake')
  }
  [Symbol.asyncIterator](): never {
    throw new Error('not part of the fake')
  }
}
