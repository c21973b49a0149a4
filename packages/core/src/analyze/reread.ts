/**
 * Where each row of a result comes from one row of a table, and the result says which: a change of the table's rows then
 * changes those rows of the result, and no others. Read off the tree that PostgreSQL made of the query, which knows every
 * aggregate, join and name for what it is.
 */
import type { Dependencies, RelationUse } from './dependencies.js'
import { isList, isNode, isTrue, numberOf, type TreeNode, type TreeValue } from './node-tree.js'
import type { Reread, RereadKey, RereadOrder, RereadTable } from './plan.js'

/**
 * Whether the query has an ORDER BY at its top, wherever it was written. Where it has none, the order of rows means nothing
 * to a query that Kysely built; undefined for raw SQL, whose author may rely on it all the same.
 */
export function isOrdered(tree: TreeValue, isRaw: boolean): boolean | undefined {
  const isSorted = nodes(onlyQuery(tree)?.fields.get('sortClause')).length > 0
  return isSorted || (isRaw ? undefined : false)
}

/** Undefined: only the whole result will do. `ordered`: see `isOrdered`. */
export function rereadOf(
  tree: TreeValue,
  dependencies: Dependencies,
  ordered: boolean | undefined,
): Reread | undefined {
  const query = onlyQuery(tree)
  if (query === undefined || !isPlainSelect(query) || !isSteady(dependencies)) return undefined
  const select = new Select(query, dependencies)
  const order = select.order()
  // Of raw SQL without ORDER BY it is not known what its order means to whoever wrote it.
  if (order === undefined || order.length > 0 !== (ordered ?? true)) return undefined
  const tables = select.tables()
  return tables.length > 0 ? { tables, order } : undefined
}

/** Time, or what no trigger watches, may change rows that no change names. */
function isSteady({ clocks, opaqueFunctions, unwatchable, relations }: Dependencies): boolean {
  if (clocks.size + opaqueFunctions.size + unwatchable.size > 0) return false
  return [...relations.values()].every(({ columns }) => [...columns].every((column) => column >= 0))
}

function onlyQuery(value: TreeValue): TreeNode | undefined {
  if (isList(value)) return value.length === 1 ? onlyQuery(value[0]) : undefined
  return isNode(value) && value.label === 'QUERY' ? value : undefined
}

const FLAGS = ['hasAggs', 'hasWindowFuncs', 'hasTargetSRFs', 'hasDistinctOn', 'hasRecursive', 'hasModifyingCTE']
const CLAUSES = [
  ...['groupClause', 'groupingSets', 'havingQual', 'windowClause', 'distinctClause'],
  ...['limitOffset', 'limitCount', 'setOperations', 'rowMarks'],
]

/** Each row of the join is one row of the result, whatever other rows there are. */
function isPlainSelect(query: TreeNode): boolean {
  return (
    numberOf(query, 'commandType') === 1 &&
    FLAGS.every((flag) => query.fields.get(flag) === 'false') &&
    CLAUSES.every((clause) => query.fields.has(clause) && query.fields.get(clause) === undefined)
  )
}

/** A column of a table in FROM. */
interface Origin {
  /** The position in the range table, from 1. */
  readonly entry: number
  readonly use: RelationUse
  readonly column: RelationUse['relation']['columns'][number]
}

interface Output {
  readonly name: string
  readonly origin: Origin | undefined
  readonly sortReference: number
}

class Select {
  readonly #query: TreeNode
  readonly #dependencies: Dependencies
  /** By position; undefined for what is no column of the result. */
  readonly #outputs: readonly Output[]

  constructor(query: TreeNode, dependencies: Dependencies) {
    this.#query = query
    this.#dependencies = dependencies
    this.#outputs = nodes(query.fields.get('targetList'))
      .filter((target) => !isTrue(target, 'resjunk'))
      .map((target) => ({
        name: unescaped(target.fields.get('resname')),
        origin: this.#origin(target.fields.get('expr')),
        sortReference: numberOf(target, 'ressortgroupref') ?? 0,
      }))
  }

  tables(): readonly RereadTable[] {
    return [...requiredEntries(this.#query.fields.get('jointree'))].flatMap((entry) => this.#table(entry) ?? [])
  }

  /** Empty without ORDER BY; undefined where it is not by columns of tables that the result shows. */
  order(): readonly RereadOrder[] | undefined {
    const order: RereadOrder[] = []
    for (const clause of nodes(this.#query.fields.get('sortClause'))) {
      const reference = numberOf(clause, 'tleSortGroupRef')
      const output = this.#outputs.findIndex(({ sortReference }) => sortReference === reference)
      const { name, origin } = this.#outputs[output] ?? {}
      const kind = origin?.column.comparable.valueKind
      const operator = numberOf(clause, 'sortop') ?? 0
      const descending = GREATER.has(operator)
      if (name === undefined || !kind || (!descending && !LESS.has(operator))) return undefined
      order.push({ output, name, kind, descending, nullsFirst: isTrue(clause, 'nulls_first') })
    }
    return order
  }

  #table(entry: number): RereadTable | undefined {
    const range = this.#rangeEntry(entry)
    const use = this.#tableOf(range)
    // It must stand nowhere else: not in a subquery, and not behind a view, a policy or a function.
    if (!range || !use || use.inQuery !== 1 || use.through.size > 0) return undefined
    // Attaching a partition or child brings rows that no trigger sees: with some rows read before it and some after,
    // the result would be that of no snapshot.
    if (use.relation.ancestors.length + use.relation.descendants.length > 0) return undefined
    if (range.fields.get('tablesample') !== undefined) return undefined
    const key = use.relation.primaryKey.map((column) => this.#key(entry, column))
    if (key.length === 0 || !key.every((part) => part !== undefined)) return undefined
    return { relation: use.relation.oid, key }
  }

  #key(entry: number, column: string): RereadKey | undefined {
    const output = this.#outputs.findIndex(({ origin }) => origin?.entry === entry && origin.column.name === column)
    const { name, origin } = this.#outputs[output] ?? {}
    if (name === undefined || this.#outputs.filter((other) => other.name === name).length > 1) return undefined
    const { valueKind: kind, type, builtIn } = origin!.column.comparable
    const isExact = kind === 'number' ? INTEGERS.has(type) : kind !== null && EXACT_KINDS.has(kind)
    return kind && builtIn && isExact ? { column, output, name, type, kind } : undefined
  }

  #origin(expression: TreeValue): Origin | undefined {
    if (!isNode(expression) || expression.label !== 'VAR' || numberOf(expression, 'varlevelsup') !== 0) return undefined
    const entry = numberOf(expression, 'varno') ?? 0
    const use = this.#tableOf(this.#rangeEntry(entry))
    const column = use?.relation.columns.find(({ number }) => number === numberOf(expression, 'varattno'))
    return use && column && { entry, use, column }
  }

  #rangeEntry(entry: number): TreeNode | undefined {
    return nodes(this.#query.fields.get('rtable'))[entry - 1]
  }

  #tableOf(range: TreeNode | undefined): RelationUse | undefined {
    if (range === undefined || numberOf(range, 'rtekind') !== RTE_RELATION) return undefined
    const use = this.#dependencies.relations.get(numberOf(range, 'relid') ?? 0)
    return use && (use.relation.kind === 'r' || use.relation.kind === 'p') ? use : undefined
  }
}

const RTE_RELATION = 0
/** Equal values have one text, whatever the settings of the connection are; 1.0 and 1.00 have two. */
const EXACT_KINDS = new Set(['text', 'uuid', 'enum', 'boolean'])
const INTEGERS = new Set(['smallint', 'integer', 'bigint'])
/** PostgreSQL's own `<` and `>` of bool, int2, int4, int8, text, date, enums, numeric, timestamptz, timestamp, uuid. */
const LESS = new Set([58, 95, 97, 412, 664, 1095, 1322, 1754, 2062, 2974, 3518])
const GREATER = new Set([59, 520, 521, 413, 666, 1097, 1324, 1756, 2064, 2975, 3519])

const [JOIN_INNER, JOIN_LEFT, JOIN_RIGHT] = [0, 1, 3]

/** Range table entries of which every row of the join has one: those that no outer join can leave out. */
function requiredEntries(tree: TreeValue): ReadonlySet<number> {
  const required = new Set<number>()
  const visit = (value: TreeValue): void => {
    if (isList(value)) return value.forEach(visit)
    if (!isNode(value)) return
    if (value.label === 'RANGETBLREF') required.add(numberOf(value, 'rtindex') ?? 0)
    else if (value.label === 'FROMEXPR') visit(value.fields.get('fromlist'))
    else if (value.label === 'JOINEXPR') {
      const type = numberOf(value, 'jointype')
      if (type === JOIN_INNER || type === JOIN_LEFT) visit(value.fields.get('larg'))
      if (type === JOIN_INNER || type === JOIN_RIGHT) visit(value.fields.get('rarg'))
    }
  }
  visit(tree)
  return required
}

function nodes(value: TreeValue): readonly TreeNode[] {
  return isList(value) ? value.filter((item) => isNode(item)) : []
}

function unescaped(value: TreeValue): string {
  return typeof value === 'string' ? value.replace(/\\([^])/g, '$1') : ''
}
