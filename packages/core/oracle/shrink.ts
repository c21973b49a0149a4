import type { Case, QueryCase, Round } from './case.js'
import { STATEMENT_BREAK } from './routing/transactions.js'
import { builder } from './query/kysely.js'
import { compileQuery } from './run/replay.js'
import { smallerNodes } from './shrink-node.js'

export interface ShrinkOptions {
  /** Whether a smaller case still fails in the way that matters. */
  readonly fails: (candidate: Case) => Promise<boolean>
  /** How many candidates to try at most. Default 250. */
  readonly tries?: number
}

/** Drops queries, rounds, steps, statements of the schema, and parts of the query, as long as the case still fails. */
export async function shrinkCase(failing: Case, { fails, tries = 250 }: ShrinkOptions): Promise<Case> {
  const budget = { left: tries }
  const attempt = async (candidate: Case) => budget.left-- > 0 && (await fails(candidate))
  let best = failing
  for (const pass of [
    fewerQueries,
    fewerRounds,
    fewerSteps,
    fewerStatements,
    fewerQueries,
    smallerQueries,
    fewerSteps,
    fewerDdl,
    plainSettings,
  ]) {
    best = await pass(best, attempt)
  }
  return best
}

type Attempt = (candidate: Case) => Promise<boolean>

async function fewerQueries(start: Case, attempt: Attempt): Promise<Case> {
  const queries = await fewer(start.queries, (kept) => attempt({ ...start, queries: kept }))
  return { ...start, queries }
}

async function fewerRounds(start: Case, attempt: Attempt): Promise<Case> {
  const rounds = await fewer(start.rounds, (kept) => attempt({ ...start, rounds: kept }))
  return { ...start, rounds }
}

async function fewerSteps(start: Case, attempt: Attempt): Promise<Case> {
  let best = start
  for (let index = 0; index < best.rounds.length; index++) {
    const current = best
    const replaced = (round: Partial<Round>): Case => ({
      ...current,
      rounds: current.rounds.map((other, position) => (position === index ? { ...other, ...round } : other)),
    })
    const steps = await fewer((current.rounds[index] as Round).steps, (kept) => attempt(replaced({ steps: kept })))
    best = replaced({ steps })
    const calm = replaced({ steps, parallel: false })
    if (best.rounds[index]?.parallel && (await attempt(calm))) best = calm
  }
  return best
}

/** Takes transactions that are one message apart, and drops what is not needed of them. */
async function fewerStatements(start: Case, attempt: Attempt): Promise<Case> {
  let best = start
  for (const [index, round] of start.rounds.entries()) {
    for (const [position, step] of round.steps.entries()) {
      if (step.kind !== 'sql' || !step.sql.includes(STATEMENT_BREAK)) continue
      const replaced = (statements: readonly string[]): Case => {
        const { [index]: current = round } = best.rounds
        const steps = current.steps.with(position, { ...step, sql: statements.join(STATEMENT_BREAK) })
        return { ...best, rounds: best.rounds.with(index, { ...current, steps }) }
      }
      const kept = await fewer(
        step.sql.split(STATEMENT_BREAK),
        async (some) => some.length > 0 && attempt(replaced(some)),
      )
      best = replaced(kept)
    }
  }
  return best
}

/** From the end, so that what depends on a statement goes before it. */
async function fewerDdl(start: Case, attempt: Attempt): Promise<Case> {
  let best = start
  for (let index = start.ddl.length - 1; index >= 0; index--) {
    const candidate = { ...best, ddl: best.ddl.filter((_, position) => position !== index) }
    if (await attempt(candidate)) best = candidate
  }
  return best
}

async function plainSettings(start: Case, attempt: Attempt): Promise<Case> {
  let best = start
  for (const settings of [{ values: 'parsed' }, { throttleMs: 0 }] as const) {
    const candidate = { ...best, settings: { ...best.settings, ...settings } }
    if (await attempt(candidate)) best = candidate
  }
  return best
}

/** Replaces parts of each query's tree by less, as long as PostgreSQL understands it and the case fails. */
async function smallerQueries(start: Case, attempt: Attempt): Promise<Case> {
  let best = start
  for (let index = 0; index < best.queries.length; index++) {
    for (let progress = true; progress;) {
      progress = false
      for (const candidate of smallerNodes((best.queries[index] as QueryCase).node)) {
        const smaller = withNode(best, index, candidate)
        if (!smaller || !(await attempt(smaller))) continue
        best = smaller
        progress = true
        break
      }
    }
  }
  return best
}

function withNode(from: Case, index: number, node: unknown): Case | undefined {
  const before = from.queries[index] as QueryCase
  // A refresh map means the same as the whole condition, and only then lets everything through that matters.
  if (before.refresh) return undefined
  const query = { ...before, node }
  try {
    const { sql } = compileQuery(builder, query)
    if (sql === before.sql) return undefined
    // Dropping an ORDER BY must not turn the check into a demand for an order that is not there.
    const compare = { ...query.compare, ordered: false }
    return {
      ...from,
      queries: from.queries.map((other, position) => (position === index ? { ...query, sql, compare } : other)),
    }
  } catch {
    return undefined
  }
}

/** Removes halves, then quarters, and so on down to single items. */
async function fewer<T>(items: readonly T[], fails: (kept: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let best = items
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = best.length - size; start > -size; start -= size) {
      const from = Math.max(0, start)
      const kept = [...best.slice(0, from), ...best.slice(start + size)]
      if (kept.length < best.length && (await fails(kept))) best = kept
    }
  }
  return best
}

/** What two failures have in common when they are the same fault in cases of different size. */
export function failureSignature({ kind, message }: { readonly kind: string; readonly message: string }): string {
  if (kind === 'stale' || kind === 'history') return kind
  return `${kind} ${message
    .replace(/"[^"]*"/g, '…')
    .replace(/\d+/g, '0')
    .slice(0, 120)}`
}
