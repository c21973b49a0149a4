import { Kysely, PostgresDialect } from 'kysely'
import type { RealtimeError } from '../../src/errors.js'
import type { Realtime, RealtimeOptions, RefreshEvent } from '../../src/live/contract.js'
import type { Case, QueryCase, RefreshCase, Round, RunSettings, Step } from '../case.js'
import type { Loose } from '../query/kysely.js'
import { killEngine, openDatabase, type OracleDatabase } from './database.js'
import { Digests } from './digests.js'
import { isProgrammingError, watchRouting, type RoutingCounts, type RoutingWatch } from './faults.js'
import { runFresh, type Fresh } from './fresh.js'
import { History } from './history.js'
import { Probe } from './probe.js'
import { toQuery } from './replay.js'
import { Sessions } from './sessions.js'
import { describeDifference, sameRows, type Row } from './values.js'
import { HangError, within } from './within.js'

export type EngineFactory = (options: RealtimeOptions<Loose>) => Realtime<Loose>

export interface RunOptions {
  readonly createEngine: EngineFactory
  /** How many rounds out of a hundred compare every delivered result with the one at its snapshot. Default 25. */
  readonly historyShare?: number
  /** How long a barrier, or a first result, may take. Default 30,000. */
  readonly timeoutMs?: number
  /** How long the whole case may take before it counts as one that hangs. Default 300,000. */
  readonly caseTimeoutMs?: number
}

export interface Failure {
  /** `aborted`: the case could not be run to its end. */
  readonly kind: 'stale' | 'history' | 'subscriber' | 'write' | 'refused' | 'barrier' | 'hang' | 'error' | 'aborted'
  readonly round: number
  readonly query: string | undefined
  readonly message: string
}

export interface Statistics {
  readonly rounds: number
  /** Live results compared with a fresh run. */
  readonly checks: number
  /** Of those, results that differ from the round before. */
  readonly changes: number
  /** Rounds that changed at least one result. */
  readonly changingRounds: number
  readonly historyChecks: number
  readonly refreshes: number
  readonly neededRefreshes: number
  /** Queries that fail when they are run. */
  readonly failingQueries: number
  readonly routing: RoutingCounts
  readonly engineErrors: ReadonlyMap<string, number>
}

export interface Outcome {
  readonly failures: readonly Failure[]
  readonly statistics: Statistics
}

/** Runs a case: after each round, every live result must equal a fresh run of its query. Stops at the first bad round. */
export async function runCase(input: Case, options: RunOptions): Promise<Outcome> {
  await using database = await openDatabase(input)
  using routing = watchRouting()
  const run = new Run(input, options, database, routing)
  try {
    return await run.all()
  } finally {
    await run.stop()
  }
}

/** The same, where a case that cannot be run to its end is one that failed. */
export async function tryCase(input: Case, options: RunOptions): Promise<Partial<Outcome> & Pick<Outcome, 'failures'>> {
  try {
    return await runCase(input, options)
  } catch (error) {
    const kind = isProgrammingError(error) ? 'error' : 'aborted'
    const message = error instanceof Error ? `${error.message}\n${error.stack}` : String(error)
    return { failures: [{ kind, message, query: undefined, round: -1 }] }
  }
}

class Run {
  readonly #case: Case
  readonly #options: RunOptions
  readonly #database: OracleDatabase
  readonly #realtime: Realtime<Loose>
  readonly #sessions: Sessions
  readonly #probes = new Map<string, Probe>()
  readonly #opening = new Map<string, Promise<unknown>>()
  readonly #failures: Failure[] = []
  readonly #engineErrors = new Map<string, number>()
  readonly #last = new Map<string, readonly string[]>()
  readonly #digests: Digests
  readonly #verified = new Map<string, Verified>()
  readonly #routing: RoutingWatch
  #counts = {
    rounds: 0,
    checks: 0,
    changes: 0,
    changingRounds: 0,
    historyChecks: 0,
    refreshes: 0,
    neededRefreshes: 0,
    failingQueries: 0,
  }
  #round = -1
  /** For whoever asks why a case hangs. */
  #doing = 'waiting for the first results'
  #killed = false

  constructor(input: Case, options: RunOptions, database: OracleDatabase, routing: RoutingWatch) {
    this.#routing = routing
    this.#digests = new Digests(database.reader)
    this.#case = input
    this.#options = options
    this.#database = database
    const { pool } = database
    this.#sessions = new Sessions(database.writers)
    this.#realtime = options.createEngine({
      db: new Kysely<Loose>({ dialect: new PostgresDialect({ pool }) }),
      pool,
      throttleMs: input.settings.throttleMs,
      onError: (error) => this.#count(error),
    })
    this.#realtime.observe((event) => this.#observe(event))
  }

  async all(): Promise<Outcome> {
    try {
      await within(this.#rounds(), this.#options.caseTimeoutMs ?? 300_000, 'the case')
    } catch (error) {
      if (error instanceof HangError)
        this.#fail('hang', `${error.message}; ${this.#doing}\n${await this.#database.sessions()}`)
      // What was found before stands.
      else if (this.#failures.length > 0) this.#fail('aborted', `${String(error)}; ${this.#doing}`)
      else throw error
    }
    const { counts } = this.#routing
    const statistics = { ...this.#counts, routing: { ...counts }, engineErrors: this.#engineErrors }
    return { failures: this.#failures, statistics }
  }

  async #rounds(): Promise<void> {
    for (const query of this.#case.queries) if (query.initial) this.#subscribe(query)
    await this.#settle()
    await this.#check(undefined)
    for (const [index, round] of this.#case.rounds.entries()) {
      if (this.#failures.length > 0) break
      this.#round = index
      await this.#runRound(round)
    }
  }

  async stop(): Promise<void> {
    await within(this.#realtime.stop(), 10_000, 'stop').catch((error: unknown) => this.#fail('hang', String(error)))
  }

  async #runRound(round: Round): Promise<void> {
    this.#counts.rounds++
    const history = this.#recordsHistory(round) ? new History(this.#database.reader, this.#case.queries) : undefined
    await history?.begin()
    const wrote = history ? (transaction: bigint) => history.committed(transaction) : undefined
    this.#doing = 'writing'
    const errors = await this.#sessions.run(round, (step) => this.#step(step), wrote)
    for (const { sql, code, message } of errors) this.#fail('write', `${code} ${message}\n${sql}`)
    this.#doing = 'waiting for the barrier'
    if (!(await this.#settle())) return
    this.#doing = 'comparing with fresh results'
    await this.#check(history)
  }

  #recordsHistory(round: Round): boolean {
    const share = this.#options.historyShare ?? 25
    const isSuitable =
      !round.parallel && !round.steps.some((step) => step.kind === 'sql' && step.sql.includes('truncate'))
    return isSuitable && (this.#round * 37 + this.#case.seed) % 100 < share
  }

  async #step(step: Exclude<Step, { kind: 'sql' }>): Promise<void> {
    if (step.kind === 'kill') {
      this.#killed = true
      return killEngine(this.#database)
    }
    if (step.kind === 'tick') return void this.#realtime.barrier().catch(() => {})
    const query = this.#case.queries.find(({ id }) => id === step.query)
    if (!query) return
    if (step.kind === 'subscribe') return this.#subscribe(query)
    this.#probes.get(query.id)?.live.close()
    this.#probes.delete(query.id)
    this.#opening.delete(query.id)
    this.#last.delete(query.id)
    this.#verified.delete(query.id)
  }

  #subscribe(query: QueryCase): void {
    if (this.#probes.has(query.id)) return
    const live = this.#realtime.live<Row>(toQuery(query) as Loose, {
      ...(query.scope ? { scope: query.scope } : {}),
      ...(query.refresh ? { refresh: refreshMap(query.refresh, this.#case.settings) } : {}),
      dependsOn: query.dependsOn,
    })
    this.#probes.set(query.id, new Probe(query, live, this.#case.settings.values === 'text'))
    const ready = live.ready.catch((error: unknown) => {
      if (this.#probes.get(query.id)?.live === live) this.#fail('refused', String(error), query.id)
    })
    this.#opening.set(query.id, ready)
  }

  /** Waits for first results and for a barrier; after connections were killed, for a barrier that holds. */
  async #settle(): Promise<boolean> {
    const limit = this.#options.timeoutMs ?? 30_000
    try {
      await within(
        Promise.all(this.#opening.values()),
        limit,
        `first results (${[...this.#opening.keys()].join(', ')})`,
      )
      this.#opening.clear()
      await this.#barrier(Date.now() + limit)
      this.#killed = false
      return true
    } catch (error) {
      const isHang = error instanceof HangError || (error as { name?: string }).name === 'TimeoutError'
      this.#fail(isHang ? 'hang' : 'barrier', String(error))
      return false
    }
  }

  async #barrier(deadline: number): Promise<void> {
    for (;;) {
      try {
        return await this.#realtime.barrier({ signal: AbortSignal.timeout(Math.max(1, deadline - Date.now())) })
      } catch (error) {
        if (!this.#killed || Date.now() > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  async #check(history: History | undefined): Promise<void> {
    const probes = [...this.#probes.values()]
    const fresh = await this.#fresh(probes)
    let changed = false
    for (const probe of probes) {
      const { query } = probe
      const result = fresh.get(query.id)
      if (result?.kind === 'error') {
        this.#counts.failingQueries++
        continue
      }
      this.#counts.checks++
      if (result && this.#compare(probe, result.texts)) changed = true
      this.#checkSeen(probe, history)
    }
    if (changed) this.#counts.changingRounds++
    for (const reason of this.#routing.refused.splice(0)) this.#fail('error', reason)
  }

  /** Runs what may have changed, or is shown otherwise, since it was last compared. */
  async #fresh(probes: readonly Probe[]): Promise<ReadonlyMap<string, Fresh>> {
    const digests = await this.#digests.read(probes.map(({ query }) => query))
    const open = probes.filter(({ query: { id }, live }) => {
      const verified = this.#verified.get(id)
      const isSame = verified !== undefined && verified.digest === digests.get(id) && verified.rows === live.rows
      return !isSame
    })
    const { results } = await runFresh(
      this.#database.reader,
      open.map(({ query }) => query),
    )
    for (const { query, live } of open) {
      const digest = digests.get(query.id)
      if (digest === undefined) this.#verified.delete(query.id)
      else this.#verified.set(query.id, { digest, rows: live.rows })
    }
    return results
  }

  /** Whether the result changed since the last round. */
  #compare({ query, texts, live }: Probe, fresh: readonly string[]): boolean {
    if (!sameRows(fresh, texts, query.compare.ordered))
      this.#fail('stale', `${describeDifference(fresh, texts)}\nstatus ${live.status}`, query.id)
    const before = this.#last.get(query.id)
    this.#last.set(query.id, fresh)
    const changed = before !== undefined && !sameRows(before, fresh, query.compare.ordered)
    if (changed) this.#counts.changes++
    return changed
  }

  #checkSeen(probe: Probe, history: History | undefined): void {
    for (const seen of probe.take()) {
      const problem = history?.check(probe.query, seen)
      if (history) this.#counts.historyChecks++
      if (problem) this.#fail('history', problem, probe.query.id)
    }
    for (const problem of probe.problems.splice(0)) this.#fail('subscriber', problem, probe.query.id)
  }

  #fail(kind: Failure['kind'], message: string, query?: string): void {
    this.#failures.push({ kind, message, query, round: this.#round })
  }

  #count(error: RealtimeError): void {
    if (isProgrammingError(error)) this.#fail('error', `${error.message}\n${error.stack}\n${String(error.cause)}`)
    const key = error.code === 'CONNECTION_LOST' ? error.code : `${error.code}: ${error.message.slice(0, 200)}`
    this.#engineErrors.set(key, (this.#engineErrors.get(key) ?? 0) + 1)
  }

  #observe(event: RefreshEvent): void {
    this.#counts.refreshes++
    if (event.changed) this.#counts.neededRefreshes++
  }
}

/** What a query was last compared with. */
interface Verified {
  readonly digest: string
  readonly rows: readonly Row[]
}

/** The literal as the pool would read the column. */
function refreshMap({ table, column, type, text }: RefreshCase, { values }: RunSettings): Loose {
  const parsed = type === 'bool' ? text === 't' : type === 'int4' ? Number(text) : text
  return { [table]: { [column]: values === 'text' ? text : parsed } }
}
