import type { Random } from '../random.js'
import { WRITER_ROLE } from '../schema/schema.js'
import { generateStatement, type StatementContext } from './statements.js'

export interface Transaction {
  readonly sql: readonly string[]
  readonly features: readonly string[]
}

/** A transaction as one session sends it; a single statement may stand alone. */
export function generateTransaction(context: StatementContext): Transaction {
  const { random } = context
  const features: string[] = []
  const statement = () => {
    const { sql, feature } = generateStatement(context)
    features.push(feature)
    return sql
  }
  if (random.chance(0.25)) return { sql: [statement()], features }
  const sql = [beginning(random, features), ...settings(context, features)]
  for (let count = random.between(1, 4); count > 0; count--) {
    sql.push(...(random.chance(0.15) ? savepoint(random, statement, features) : [statement()]))
  }
  const rollback = random.chance(0.1)
  features.push(rollback ? 'rollback' : 'commit')
  sql.push(rollback ? 'rollback' : 'commit')
  return { sql, features }
}

function beginning(random: Random, features: string[]): string {
  const level = random.weighted([
    [6, 'read committed'],
    [2, 'repeatable read'],
    [1, 'serializable'],
  ])
  features.push(level)
  return `begin isolation level ${level}`
}

function savepoint(random: Random, statement: () => string, features: string[]): string[] {
  const end = random.pick(['release savepoint s', 'rollback to savepoint s', 'rollback to savepoint s'])
  features.push(end)
  const failing = random.chance(0.3) && end.startsWith('rollback') ? ['select 1 / 0'] : []
  return ['savepoint s', statement(), ...failing, end]
}

/** What writers do to their sessions must not reach what is captured. */
function settings({ random, schema }: StatementContext, features: string[]): string[] {
  if (random.chance(0.6)) return []
  const choices = [
    `set local datestyle = 'SQL, DMY'`,
    `set local datestyle = 'German'`,
    `set local timezone = 'America/New_York'`,
    'set local extra_float_digits = -10',
    `set local intervalstyle = 'iso_8601'`,
    `set local bytea_output = 'escape'`,
    'set local session_replication_role = replica',
    'set constraints all deferred',
    ...(schema.secured ? [`set local role ${WRITER_ROLE}`] : []),
  ]
  const chosen = random.pick(choices)
  features.push(chosen)
  return [chosen]
}
