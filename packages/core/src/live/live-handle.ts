import { ClosedError, InvalidOptionError, type RealtimeError } from '../errors.js'
import { ownScope, scopeKey } from '../refresh/scope.js'
import { Eventual } from '../util/eventual.js'
import { Listeners } from '../util/listeners.js'
import type { Explanation, LiveInput, LiveOptions, LiveQuery, LiveState, Scope, Update } from './contract.js'
import { explain } from './explain.js'
import { NO_SCOPE, PENDING, type Holder, type LiveInstance, type Row, type Watcher } from './live-instance.js'
import { MappedLiveQuery } from './mapped-live-query.js'
import { createUpdate } from './update.js'
import { iterateUpdates } from './updates.js'

/** What a handle asks of the engine. */
export interface HandleHost {
  /** Finds or makes the live query, and resolves when it is analyzed and captured. Retains it for `holder`. */
  open(query: LiveInput<Row>, options: LiveOptions<never, Row>, holder: Holder): Promise<LiveInstance>
  release(instance: LiveInstance, holder: Holder): void
  /** The holder does not wait any more for what is being opened for it. */
  giveUp(holder: Holder): void
  closed(handle: LiveHandle): void
  readonly onListenerError: (cause: unknown) => void
}

/** One holder of a live query: shares the instance, and can be given another one. */
export class LiveHandle implements LiveQuery<Row>, Holder, Watcher {
  readonly id: string | undefined
  readonly scope: Scope
  readonly onError: LiveOptions<never, Row>['onError']
  readonly #host: HandleHost
  readonly #ready = new Eventual<readonly Row[]>()
  #updates: Listeners<Update<Row>> | undefined
  #instance: LiveInstance | undefined
  /** As whom it holds the instance: itself, or the one that came with `replace`. */
  #holder: Holder = this
  /** As whom the latest `replace` waits for its first result. */
  #replacing: Holder | undefined
  #state: LiveState<Row> = PENDING
  /** Why the first query could not be made live, while a later one may still take its place. */
  #firstError: RealtimeError | undefined

  constructor(host: HandleHost, query: LiveInput<Row>, options: LiveOptions<never, Row>) {
    this.#host = host
    this.id = options.id
    this.scope = options.scope ? ownScope(options.scope) : NO_SCOPE
    this.onError = options.onError
    void this.#openFirst(query, options.scope ? { ...options, scope: this.scope } : options)
  }

  get state(): LiveState<Row> {
    return this.#state
  }
  get rows() {
    return this.#state.rows
  }
  get status() {
    return this.#state.status
  }
  get version() {
    return this.#state.version
  }
  get snapshot() {
    return this.#state.snapshot
  }
  get error() {
    return this.#state.error
  }
  get ready() {
    return this.#ready.promise
  }
  get single() {
    return this.#state.rows[0]
  }

  subscribe(listener: (update: Update<Row>) => void): () => void {
    this.#updates ??= new Listeners(this.#host.onListenerError)
    return this.#updates.add(listener)
  }

  [Symbol.asyncIterator](): AsyncIterator<Update<Row>, undefined> {
    return iterateUpdates(this)
  }

  map<T>(mapper: (row: Row) => T): LiveQuery<T> {
    return new MappedLiveQuery(this, mapper)
  }

  explain(): Explanation {
    if (!this.#instance?.hasPlan) {
      throw this.#state.error ?? new ClosedError('This live query is not analyzed yet: await its `ready` first.')
    }
    return explain(this.#instance)
  }

  async replace(query: LiveInput<Row>, options: Omit<LiveOptions<never, Row>, 'id'> = {}): Promise<readonly Row[]> {
    if (this.status === 'closed') throw new ClosedError('This live query is closed: make a new one.')
    const { scope } = this
    if (options.scope && scopeKey(options.scope) !== scopeKey(scope)) {
      throw new InvalidOptionError(
        'replace() cannot change the scope: close this live query, and make one for the other scope.',
      )
    }
    const holder: Holder = { id: this.id, onError: options.onError ?? this.onError }
    this.#replacing = holder
    try {
      const next = await this.#host.open(query, { ...options, scope }, holder)
      await this.#firstResult(next, holder)
      this.#adopt(next, holder)
    } catch (error) {
      if (this.#replacing === holder) this.#keepOlder()
      throw error
    }
    this.#replacing = undefined
    this.#ready.resolve(this.#state.rows)
    return this.#state.rows
  }

  /** Lets go of `next` where it has none, or is not wanted any more. */
  async #firstResult(next: LiveInstance, holder: Holder): Promise<void> {
    try {
      await next.ready
      if (this.#replacing !== holder) {
        throw new ClosedError('This live query was closed or given another query before the first result came.')
      }
    } catch (error) {
      this.#host.release(next, holder)
      throw error
    }
  }

  /** If there was one. */
  #keepOlder(): void {
    this.#replacing = undefined
    if (this.#firstError && !this.#instance) this.end(this.#firstError)
  }

  close(): boolean {
    if (this.status === 'closed') return false
    this.#end(new ClosedError('The live query was closed.'))
    return true
  }

  /** Ends the handle for a reason other than its owner's wish. */
  end(error: RealtimeError): void {
    if (this.status !== 'closed') this.#end(error)
  }

  async #openFirst(query: LiveInput<Row>, options: LiveOptions<never, Row>): Promise<void> {
    try {
      const instance = await this.#host.open(query, options, this)
      if (this.#instance || this.status === 'closed') return this.#host.release(instance, this)
      this.#adopt(instance, this)
      instance.ready.then(
        (rows) => this.#ready.resolve(rows),
        (error) => this.#ready.reject(error),
      )
    } catch (error) {
      if (this.#replacing) this.#firstError = error as RealtimeError
      else if (!this.#instance) this.end(error as RealtimeError)
    }
  }

  #adopt(instance: LiveInstance, holder: Holder): void {
    this.#leave()
    this.#instance = instance
    this.#holder = holder
    instance.watch(this)
    const { state } = instance
    if (state.status === 'pending' && state.error === undefined) return
    const kind = state.rows === this.#state.rows ? 'status' : 'rows'
    this.#enter(state, createUpdate(state, kind, this.#state.rows))
  }

  #leave(): void {
    if (!this.#instance) return
    this.#instance.unwatch(this)
    this.#host.release(this.#instance, this.#holder)
  }

  /** For the live query that it watches. */
  updated(update: Update<Row>): void {
    this.#enter(this.#instance!.state, update)
  }

  #enter(state: LiveState<Row>, update: Update<Row>): void {
    if (this.#state.status === 'closed') return
    const previousRows = this.#state.rows
    this.#state = state
    // Handles that were given another query have other rows behind them.
    const isShared = update.previousRows === previousRows
    this.#updates?.emit(isShared ? update : createUpdate(state, update.kind, previousRows))
  }

  #end(error: RealtimeError): void {
    this.#host.giveUp(this)
    if (this.#replacing) this.#host.giveUp(this.#replacing)
    this.#replacing = undefined
    this.#leave()
    this.#ready.reject(error)
    const state: LiveState<Row> = { ...this.#state, status: 'closed', error }
    this.#state = state
    this.#updates?.emit(createUpdate(state, 'status', state.rows))
    this.#updates?.clear()
    this.#host.closed(this)
  }
}
