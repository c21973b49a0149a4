import type { Round, Step } from '../case.js'
import type { Random } from '../random.js'
import type { StatementContext } from './statements.js'
import { generateTransaction, type Transaction } from './transactions.js'

export interface RoundPlan {
  readonly rounds: readonly Round[]
  readonly transactions: number
  readonly features: readonly string[]
}

const SESSIONS = 3

/**
 * Rounds of about `transactions` transactions in all: one after the other, interleaved step by step, or side by side.
 * An interleaved transaction may stay open over the end of its round. Queries in `later` become live on the way,
 * in the middle of what the writers do.
 */
export function generateRounds(
  context: StatementContext,
  transactions: number,
  later: readonly string[],
  live: readonly string[],
): RoundPlan {
  const { random } = context
  const rounds: Round[] = []
  const features: string[] = []
  const waiting = [...later]
  const closable = [...live]
  let spanning: Step[] = []
  let made = 0
  while (made < transactions) {
    const batch = Array.from({ length: random.between(1, 4) }, () => generateTransaction(context))
    made += batch.length
    features.push(...batch.flatMap((transaction) => transaction.features))
    const mode = random.weighted([
      [5, 'serial'],
      [4, 'interleaved'],
      [spanning.length === 0 ? 2 : 0, 'parallel'],
    ] as const)
    features.push(mode)
    const steps = mode === 'serial' && spanning.length === 0 ? serial(batch) : interleaved(random, batch, spanning)
    const kept = mode === 'interleaved' && made < transactions ? leftOpen(random, steps) : []
    if (kept.length > 0) features.push('open over the end of a round')
    spanning = kept
    const extras = kept.length > 0 ? [] : extraSteps(random, waiting, closable, features)
    rounds.push({
      steps: scatter(random, steps.slice(0, steps.length - kept.length), extras),
      parallel: mode === 'parallel',
    })
  }
  return { rounds, transactions: made, features }
}

function serial(batch: readonly Transaction[]): Step[] {
  return batch.flatMap(({ sql }) => sql.map((text) => step(0, text)))
}

function step(session: number, sql: string): Step {
  return { kind: 'sql', session, sql }
}

/** Each transaction in a session of its own, merged at random; `begun` are the rest of an earlier round's. */
function interleaved(random: Random, batch: readonly Transaction[], begun: readonly Step[]): Step[] {
  const queues: Step[][] = Array.from({ length: SESSIONS }, () => [])
  for (const rest of begun) if (rest.kind === 'sql') queues[rest.session]?.push(rest)
  batch.forEach(({ sql }, index) => queues[index % SESSIONS]?.push(...sql.map((text) => step(index % SESSIONS, text))))
  const merged: Step[] = []
  for (;;) {
    const open = queues.filter((queue) => queue.length > 0)
    if (open.length === 0) return merged
    merged.push(random.pick(open).shift() as Step)
  }
}

/** The last steps of one session, if the round may end before them. A lock on a whole table must not stay. */
function leftOpen(random: Random, steps: readonly Step[]): Step[] {
  const last = steps.at(-1)
  if (last?.kind !== 'sql' || !random.chance(0.5) || steps.length < 3) return []
  const kept: Step[] = []
  for (let index = steps.length - 1; index > 0; index--) {
    const candidate = steps[index] as Step
    if (candidate.kind !== 'sql' || candidate.session !== last.session || kept.length > 2) break
    kept.unshift(candidate)
  }
  const own = steps.filter((candidate) => candidate.kind === 'sql' && candidate.session === last.session)
  return own.some((candidate) => candidate.kind === 'sql' && candidate.sql.startsWith('truncate')) ? [] : kept
}

function extraSteps(random: Random, waiting: string[], closable: string[], features: string[]): Step[] {
  const extras: Step[] = []
  for (let count = random.int(4); count > 0 && waiting.length > 0; count--) {
    const query = waiting.shift() as string
    extras.push({ kind: 'subscribe', query })
    closable.push(query)
    features.push('subscribe')
  }
  if (closable.length > 4 && random.chance(0.1)) {
    const query = closable.splice(random.int(closable.length), 1)[0] as string
    if (!extras.some((extra) => extra.kind === 'subscribe' && extra.query === query)) {
      extras.push({ kind: 'close', query })
      if (random.chance(0.5)) waiting.push(query)
      features.push('close')
    }
  }
  if (random.chance(0.04)) {
    extras.push({ kind: 'kill' })
    features.push('kill')
  }
  return extras
}

function scatter(random: Random, steps: readonly Step[], extras: readonly Step[]): Step[] {
  const result = [...steps]
  for (const extra of extras) result.splice(random.int(result.length + 1), 0, extra)
  return result
}
