import { randomBytes } from 'node:crypto'
import type { ClientBase, QueryArrayResult } from 'pg'
import type { Plan } from '../analyze/plan.js'
import type { Change } from '../change.js'
import { systemClock, type Clock } from '../util/clock.js'
import { literalOf } from '../util/parameter-text.js'
import { isConnectionError, sqlState } from '../util/postgres.js'
import type { Answer, Inquiry } from './contract.js'
import { questionOf, type Question } from './question.js'

/** Longer than a question may take: it is cheaper then to refresh every instance. In milliseconds. */
const BUDGET_MS = 500
const MOST_IMAGES = 5_000
/** Questions in one statement. */
const MOST_TOGETHER = 8
const MOST_STATEMENTS = 200
/**
 * Questions about no more rows than this run by the plan that was made for the first of them: PostgreSQL would plan each one
 * anew, which takes longer than to run it. With more rows than this a plan of their own is worth its time.
 */
const FEW_ROWS = 100
/** After this long for a few rows the plans are made anew: a table may have grown, and nobody has analyzed it yet. */
const LONG_MS = 50

type Row = (string | null)[]

interface Asked {
  readonly position: number
  readonly question: Question
  readonly columns: number
}

interface Statement {
  readonly text: string
  readonly values: readonly string[]
}

/** Puts join questions to PostgreSQL, in the transaction of a tick. */
export class Questioner {
  /** What is prepared on a connection: names by texts. */
  readonly #prepared = new WeakMap<ClientBase, Map<string, string>>()
  /** Several engines may share a pool, and so its connections. */
  readonly #prefix = `_pg_realtime_question_${randomBytes(5).toString('hex')}`
  readonly #readable = new WeakMap<ClientBase, WeakSet<Plan>>()
  /** Connections whose plans are to be made anew. */
  readonly #outdated = new WeakSet<ClientBase>()
  readonly #clock: Pick<Clock, 'now'>
  #names = 0
  #isNaming = true

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock
  }

  /** A lost connection rejects; nothing else does. */
  async ask(reader: ClientBase, inquiries: readonly Inquiry[], changes: readonly Change[]): Promise<readonly Answer[]> {
    const answers = inquiries.map((): Answer => NOT_LOGGED)
    const asked: Asked[] = []
    const readable = await this.#learnReadable(reader, inquiries)
    for (const [position, { plan, way, images }] of inquiries.entries()) {
      if (!readable.has(plan)) answers[position] = NOT_READABLE
      else if (images.length > MOST_IMAGES) answers[position] = TOO_MANY
      else {
        const question = questionOf(plan, way, images, changes)
        if (question) asked.push({ position, question, columns: Math.max(1, way.slots.length) })
      }
    }
    for (let next = 0; next < asked.length; next += MOST_TOGETHER) {
      await this.#askTogether(reader, asked.slice(next, next + MOST_TOGETHER), answers)
    }
    return answers
  }

  /** Asked again alone where they fail together, so that one of them does not spoil the others' answers. */
  async #askTogether(reader: ClientBase, asked: readonly Asked[], answers: Answer[]): Promise<void> {
    const isFew = asked.every(({ question }) => question.rows <= FEW_ROWS)
    const statement = statementOf(asked)
    try {
      const began = this.#clock.now()
      const rows = await this.#run(reader, this.#opening(reader, isFew), statement)
      if (isFew && this.#clock.now() - began > LONG_MS) this.#outdated.add(reader)
      for (const { position } of asked) answers[position] = { kind: 'rows', rows: [] }
      for (const [index, ...values] of rows) {
        const { position, columns } = asked[Number(index)]!
        const answer = answers[position]!
        if (answer.kind === 'rows') (answer.rows as Row[]).push(values.slice(0, columns))
      }
    } catch (error) {
      if (isConnectionError(error)) throw error
      await reader.query('ROLLBACK TO SAVEPOINT questions')
      this.#outdated.add(reader)
      this.#prepared.get(reader)?.delete(statement.text)
      await this.#failed(reader, asked, answers, error)
    }
  }

  #opening(reader: ClientBase, isFew: boolean): string {
    const mode = isFew ? 'force_generic_plan' : 'force_custom_plan'
    const opening = `SAVEPOINT questions; SET LOCAL statement_timeout = ${BUDGET_MS}; SET LOCAL plan_cache_mode = ${mode}`
    return this.#outdated.delete(reader) ? `${opening}; DISCARD PLANS` : opening
  }

  async #failed(reader: ClientBase, asked: readonly Asked[], answers: Answer[], error: unknown): Promise<void> {
    const state = sqlState(error)
    if (this.#isNaming && (state === '26000' || state === '42P05')) {
      // A pooler gives the transaction another connection than the one that knows the statement.
      this.#isNaming = false
      return this.#askTogether(reader, asked, answers)
    }
    if (asked.length > 1) {
      for (const one of asked) await this.#askTogether(reader, [one], answers)
      return
    }
    for (const { position } of asked) answers[position] = failure(error)
  }

  /** In one message, once the statement is prepared. */
  async #run(reader: ClientBase, opening: string, { text, values }: Statement): Promise<readonly Row[]> {
    const prepared = this.#preparedOn(reader)
    const known = prepared.get(text)
    if (!this.#isNaming || (known === undefined && prepared.size >= MOST_STATEMENTS)) {
      await reader.query(opening)
      return (await reader.query<Row>({ text, values: [...values], rowMode: 'array' })).rows
    }
    // A name is not used again after a failure, which leaves open whether it stands for anything.
    const name = known ?? `${this.#prefix}_${(this.#names += 1)}`
    // In a message of its own: of one that cannot be parsed, no statement runs, and there would be no savepoint to go back to.
    if (known === undefined) await reader.query(opening)
    const before = known === undefined ? `PREPARE ${name} AS ${text}\n` : opening
    const execution = values.length > 0 ? `EXECUTE ${name}(${values.map(literalOf).join(', ')})` : `EXECUTE ${name}`
    const message = { text: `${before}; ${execution}`, rowMode: 'array' as const }
    const results = (await reader.query<Row>(message)) as unknown as readonly QueryArrayResult<Row>[]
    prepared.set(text, name)
    return results.at(-1)!.rows
  }

  #preparedOn(reader: ClientBase): Map<string, string> {
    let prepared = this.#prepared.get(reader)
    if (!prepared) this.#prepared.set(reader, (prepared = new Map()))
    return prepared
  }

  /**
   * The engine's own role may not see what the live queries' roles see: row security would hide rows from the answers.
   * Plans are made anew when policies change.
   */
  async #learnReadable(reader: ClientBase, inquiries: readonly Inquiry[]): Promise<WeakSet<Plan>> {
    let readable = this.#readable.get(reader)
    if (!readable) this.#readable.set(reader, (readable = new WeakSet()))
    for (const plan of new Set(inquiries.map((inquiry) => inquiry.plan))) {
      if (readable.has(plan)) continue
      const { rows } = await reader.query<{ readable: boolean }>(READABLE, [
        plan.tables.map(({ relation }) => relation),
      ])
      if (rows[0]?.readable === true) readable.add(plan)
    }
    return readable
  }
}

/** Several questions as one statement, whose rows begin with the question's index. */
function statementOf(asked: readonly Asked[]): Statement {
  const width = Math.max(...asked.map(({ columns }) => columns))
  const values: string[] = []
  const parts = asked.map(({ question, columns }, index) => {
    const first = values.push(...question.values) - question.values.length
    const names = Array.from({ length: columns }, (_, n) => `c${n}`)
    const selected = Array.from({ length: width }, (_, n) => names[n] ?? 'null')
    return `select '${index}', ${selected.join(', ')} from (${question.sql((n) => `$${first + n + 1}`)}) q(${names.join(', ')})`
  })
  return { text: parts.join(' union all '), values }
}

function failure(error: unknown): Answer {
  const state = sqlState(error)
  const message = error instanceof Error ? error.message : String(error)
  const reason =
    state === '57014' ? `the question took longer than ${BUDGET_MS} ms` : `PostgreSQL refused the question: ${message}`
  return { kind: 'unknown', reason, again: state !== undefined && PASSING.test(state) ? 'later' : 'never' }
}

/**
 * SQLSTATEs of what the same question may not meet again: a value of this batch (22), a conflict (40), a missing right
 * (42501), missing resources (53), a lock (55P03), an interruption (57014), a system error (58). With any other one
 * PostgreSQL says that it does not understand the question.
 */
const PASSING = /^(22|40|53|58|42501|55P03|57014)/

const NOT_LOGGED: Answer = { kind: 'unknown', reason: 'the log lacks a value that the question needs', again: 'next' }
const NOT_READABLE: Answer = {
  kind: 'unknown',
  reason: 'the engine’s own role may not read all rows of the tables',
  again: 'later',
}
const TOO_MANY: Answer = { kind: 'unknown', reason: 'the batch changed too many rows', again: 'next' }

const READABLE = `
SELECT pg_catalog.bool_and(
  pg_catalog.has_table_privilege(relation, 'select')
  AND pg_catalog.has_schema_privilege(c.relnamespace, 'usage')
  AND NOT pg_catalog.row_security_active(relation)) AS readable
FROM pg_catalog.unnest($1::oid[]) relation JOIN pg_catalog.pg_class c ON c.oid = relation`
