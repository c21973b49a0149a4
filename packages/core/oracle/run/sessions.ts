import type pg from 'pg'
import type { Round, Step } from '../case.js'

export interface WriteError {
  readonly sql: string
  readonly code: string
  readonly message: string
}

/** What may happen to writers that get in each other's way; alone, none of it may. */
const CONFLICTS = new Set(['55P03', '40P01', '40001', '23505', '23503', '0A000'])
/** What a case does to itself: the error in a savepoint, and TRUNCATE of a table whose deferred checks are still to come. */
const OWN_ERRORS = new Set(['22012', '55006'])
/** Only ever said after another error of the same transaction, which is judged by itself. */
const AFTER_ERRORS = new Set(['25P02', '3B001'])

/** Sends the steps of a round, one after the other or each session's beside the others'. */
export class Sessions {
  readonly #writers: readonly pg.Client[]
  /** Sessions in a transaction that an earlier round began. */
  readonly #open = new Set<number>()

  constructor(writers: readonly pg.Client[]) {
    this.#writers = writers
  }

  /** Errors that no other writer explains: the case is wrong, or capture got in the way of a write. */
  async run(
    round: Round,
    other: (step: Exclude<Step, { kind: 'sql' }>) => Promise<void>,
    wrote: WroteListener,
  ): Promise<WriteError[]> {
    const alone = this.#open.size === 0 && sessionsOf(round).size <= 1 && endsAll(round)
    await this.#setLockTimeout(alone || round.parallel ? 20_000 : 150)
    const errors: WriteError[] = []
    const one = async (step: Step) => {
      if (step.kind !== 'sql') return other(step)
      const error = await this.#send(step.session, step.sql, wrote)
      if (error) errors.push(error)
    }
    if (round.parallel) await Promise.all(lanes(round).map((lane) => inOrder(lane, one)))
    else await inOrder(round.steps, one)
    return errors.filter(
      ({ code }) => !OWN_ERRORS.has(code) && !AFTER_ERRORS.has(code) && (alone || !CONFLICTS.has(code)),
    )
  }

  /** Ends what is open: after the last round of a case that was cut short. */
  async end(): Promise<void> {
    for (const session of this.#open) await this.#writer(session).query('rollback')
    this.#open.clear()
  }

  async #send(session: number, sql: string, wrote: WroteListener): Promise<WriteError | undefined> {
    const writer = this.#writer(session)
    const isOpen = this.#open.has(session)
    if (wrote && !isOpen && isWrite(sql)) return this.#sendRecorded(writer, ['begin', sql], wrote)
    if (wrote && isOpen && sql === 'commit') {
      this.#open.delete(session)
      return this.#sendRecorded(writer, [], wrote)
    }
    if (sql.startsWith('begin')) this.#open.add(session)
    if (sql === 'commit' || sql === 'rollback') this.#open.delete(session)
    return attempt(writer, sql)
  }

  /** Commits, and tells which transaction that was, if it wrote anything. */
  async #sendRecorded(writer: pg.Client, before: readonly string[], wrote: NonNullable<WroteListener>) {
    let failure: WriteError | undefined
    for (const sql of before) failure ??= await attempt(writer, sql)
    const read = writer.query<{ id: string | null }>('select pg_current_xact_id_if_assigned()::text as id')
    const { rows } = await read.catch(() => ({ rows: [] }))
    failure = (await attempt(writer, 'commit')) ?? failure
    const transaction = rows[0]?.id
    if (!failure && transaction) await wrote(BigInt(transaction))
    return failure
  }

  #writer(session: number): pg.Client {
    return this.#writers[session % this.#writers.length] as pg.Client
  }

  async #setLockTimeout(milliseconds: number): Promise<void> {
    // In a transaction, a rollback would bring the old value back.
    for (const [session, writer] of this.#writers.entries()) {
      if (!this.#open.has(session)) await attempt(writer, `set lock_timeout = ${milliseconds}`)
    }
  }
}

/** Called after each commit that wrote something. */
export type WroteListener = ((transaction: bigint) => Promise<void>) | undefined

function isWrite(sql: string): boolean {
  return !/^(begin|commit|rollback|savepoint|release|set|select)/.test(sql)
}

async function attempt(writer: pg.Client, sql: string): Promise<WriteError | undefined> {
  try {
    await writer.query(sql)
    return undefined
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string }
    return { sql, code: code ?? '', message }
  }
}

function sessionsOf({ steps }: Round): Set<number> {
  return new Set(steps.flatMap((step) => (step.kind === 'sql' ? [step.session] : [])))
}

/** Whether no transaction stays open over the end of the round. */
function endsAll({ steps }: Round): boolean {
  const matching = (pattern: RegExp) => steps.filter((step) => step.kind === 'sql' && pattern.test(step.sql)).length
  return matching(/^begin/) === matching(/^(commit|rollback)$/)
}

/** Each session's steps, and the others' together, in their order. */
function lanes({ steps }: Round): Step[][] {
  const byLane = new Map<number, Step[]>()
  for (const step of steps) {
    const lane = step.kind === 'sql' ? step.session : -1
    byLane.set(lane, [...(byLane.get(lane) ?? []), step])
  }
  return [...byLane.values()]
}

async function inOrder(steps: readonly Step[], run: (step: Step) => Promise<void>): Promise<void> {
  for (const step of steps) await run(step)
}
