import { isList, isNode, isTrue, numberOf, type TreeNode, type TreeValue } from './node-tree.js'

/** What a stored query tree says about its dependencies that `pg_depend` does not. */
export interface TreeFacts {
  /** How often each relation stands in a FROM clause, by its identifier. */
  readonly relations: ReadonlyMap<number, number>
  /** Relations taken as whole rows (`to_jsonb(t)`): these leave no columns in `pg_depend`. */
  readonly wholeRows: ReadonlySet<number>
  /** Every function called, builtin ones included; those leave no rows in `pg_depend`. */
  readonly functions: ReadonlySet<number>
  /** `current_date` and its kin, and samples, which change without any change in a table. */
  readonly clocks: ReadonlySet<string>
  /** Holds a constant of a date or time type, which may once have been the literal 'today'. */
  readonly hasTimeConstant: boolean
  /** What makes it more than a reading query, in words. */
  readonly writes: ReadonlySet<string>
}

/** `relation` is what variable 1 stands for in an expression outside of any query, such as a policy's. */
export function treeFacts(tree: TreeValue, relation?: number): TreeFacts {
  const facts = new FactCollector()
  facts.visit(tree, relation === undefined ? [] : [[{ kind: 'relation', relation }]])
  return facts
}

/** What a range table entry is, as far as a whole-row reference to it goes. */
type RangeEntry =
  | { readonly kind: 'relation'; readonly relation: number }
  | { readonly kind: 'join' }
  /** Subqueries, functions, values, CTEs: their own parts are in the tree. */
  | { readonly kind: 'other' }

type RangeTable = readonly RangeEntry[]

const RTE_RELATION = 0
const RTE_JOIN = 2
const COMMAND_SELECT = 1
// Sorting, grouping and row comparisons name operators of an index only, whose functions read nothing.
const FUNCTION_FIELDS = ['funcid', 'opfuncid', 'aggfnoid', 'winfnoid']
// date, time, timestamp, timestamptz, timetz
const TIME_TYPES = new Set([1082, 1083, 1114, 1184, 1266])
// The clock members of PostgreSQL's SQLValueFunctionOp, in its order; the later ones are users, catalog and schema.
const CLOCK_VALUES = [
  'current_date',
  'current_time',
  'current_time',
  'current_timestamp',
  'current_timestamp',
  'localtime',
  'localtime',
  'localtimestamp',
  'localtimestamp',
]

class FactCollector implements TreeFacts {
  readonly relations = new Map<number, number>()
  readonly wholeRows = new Set<number>()
  readonly functions = new Set<number>()
  readonly clocks = new Set<string>()
  readonly writes = new Set<string>()
  hasTimeConstant = false

  /** `levels` are the range tables of the queries around, the innermost last. */
  visit(value: TreeValue, levels: readonly RangeTable[]): void {
    if (isList(value)) return value.forEach((item) => this.visit(item, levels))
    if (!isNode(value)) return
    const inside = value.label === 'QUERY' ? [...levels, rangeTable(value)] : levels
    this.#collect(value, inside)
    for (const field of value.fields.values()) this.visit(field, inside)
  }

  #collect(node: TreeNode, levels: readonly RangeTable[]): void {
    if (node.label === 'QUERY') this.#query(node)
    if (node.label === 'VAR') this.#variable(node, levels)
    if (node.label === 'SQLVALUEFUNCTION') {
      const clock = CLOCK_VALUES[numberOf(node, 'op') ?? -1]
      if (clock !== undefined) this.clocks.add(clock)
    }
    if (node.label === 'CONST' && TIME_TYPES.has(numberOf(node, 'consttype') ?? 0)) this.hasTimeConstant = true
    if (node.label === 'TABLESAMPLECLAUSE' && node.fields.get('repeatable') === undefined)
      this.clocks.add('tablesample')
    const relation = entryRelation(node)
    if (relation !== undefined) this.relations.set(relation, (this.relations.get(relation) ?? 0) + 1)
    for (const field of FUNCTION_FIELDS) {
      const called = numberOf(node, field)
      // Zero means none.
      if (called) this.functions.add(called)
    }
  }

  #query(node: TreeNode): void {
    if (numberOf(node, 'commandType') !== COMMAND_SELECT) this.writes.add('it writes')
    if (isTrue(node, 'hasModifyingCTE')) this.writes.add('a WITH clause writes')
    if (isTrue(node, 'hasForUpdate') || node.fields.get('rowMarks') !== undefined) this.writes.add('it locks rows')
  }

  #variable(node: TreeNode, levels: readonly RangeTable[]): void {
    if (numberOf(node, 'varattno') !== 0) return
    const table = levels.at(-1 - (numberOf(node, 'varlevelsup') ?? 0)) ?? []
    const entry = table[(numberOf(node, 'varno') ?? 0) - 1]
    if (entry?.kind === 'relation') this.wholeRows.add(entry.relation)
    // A join's row holds the rows of its sides; which sides is not worth following.
    if (entry?.kind === 'join')
      for (const side of table) if (side.kind === 'relation') this.wholeRows.add(side.relation)
  }
}

function rangeTable(query: TreeNode): RangeTable {
  const entries = query.fields.get('rtable')
  if (!isList(entries)) return []
  return entries.map((entry): RangeEntry => {
    if (!isNode(entry)) return { kind: 'other' }
    const relation = entryRelation(entry)
    if (relation !== undefined) return { kind: 'relation', relation }
    return { kind: numberOf(entry, 'rtekind') === RTE_JOIN ? 'join' : 'other' }
  })
}

function entryRelation(node: TreeNode): number | undefined {
  return numberOf(node, 'rtekind') === RTE_RELATION ? numberOf(node, 'relid') : undefined
}
