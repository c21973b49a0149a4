import type { CatalogFunction } from './functions.js'

/**
 * What calling a function means for a live query:
 * - `safe`: its result follows from its arguments and from what the scope fixes;
 * - `clock`: its result changes by itself;
 * - `body`: what it reads is known from its parsed body;
 * - `opaque`: what it reads is known to its author only.
 */
export type FunctionJudgement = 'safe' | 'clock' | 'body' | 'opaque'

export function judgeFunction(called: CatalogFunction): FunctionJudgement {
  // PostgreSQL itself relies on this promise: a call with constant arguments is computed once, while planning.
  if (called.volatility === 'immutable') return 'safe'
  if (called.builtin && READS_TABLES.has(called.name)) return 'opaque'
  if (called.builtin && isClock(called)) return 'clock'
  // Whatever its volatility says: functions are volatile unless their author says otherwise, and the body tells.
  if (called.body !== null) return 'body'
  if (called.builtin || called.language === 'c' || called.language === 'internal') {
    return called.volatility === 'volatile' ? 'clock' : 'safe'
  }
  return 'opaque'
}

/** Stable within a statement or transaction only. */
const CLOCKS = new Set([
  'now',
  'transaction_timestamp',
  'statement_timestamp',
  'pg_current_snapshot',
  'pg_current_xact_id',
  'pg_current_xact_id_if_assigned',
  'txid_current',
  'txid_current_if_assigned',
  'txid_current_snapshot',
])

/** Builtin functions that run a query made from their arguments. */
const READS_TABLES = new Set([
  'query_to_xml',
  'query_to_xml_and_xmlschema',
  'cursor_to_xml',
  'table_to_xml',
  'table_to_xml_and_xmlschema',
  'schema_to_xml',
  'schema_to_xml_and_xmlschema',
  'database_to_xml',
  'database_to_xml_and_xmlschema',
  'ts_stat',
  'ts_rewrite',
])

function isClock(called: CatalogFunction): boolean {
  if (called.volatility === 'volatile' && called.body === null) return true
  // age(x) counts from today; age(x, y) does not.
  return CLOCKS.has(called.name) || (called.name === 'age' && called.argumentCount === 1)
}
