import type { OperationNode, ReferenceNode, SelectionNode, SelectQueryNode } from 'kysely'
import type { RootOperationNode } from '../analyze.js'
import type { Condition } from '../plan.js'
import { addCtes, openBlock, type Block, type CteScope, type FromItem } from './blocks.js'
import { conditionsOf, type ConditionReader } from './conditions.js'
import { children, columnName, is, tableName, type TableName } from './nodes.js'
import { numberParameters } from './parameters.js'
import { isBalanced, namesInRawSql } from './raw-text.js'
import { ownColumn, possibleItems } from './references.js'

/** A relation that stands in the query, as the catalog knows it. */
export interface TreeTable {
  readonly relation: number
  readonly columns: ReadonlySet<string>
}

export type TableLookup = (schema: string | undefined, name: string) => TreeTable | undefined

/** What a Kysely tree says about the tables in a query. */
export interface TreeReading {
  readonly occurrences: readonly TreeOccurrence[]
  /** In how many places of the tree each relation stands; a CTE that is used twice is one place, and two occurrences. */
  readonly places: ReadonlyMap<number, number>
  /** Tables in the tree that the catalog does not see in the query. */
  readonly unknown: readonly TableName[]
  /** What raw SQL in the tree may refer to. */
  readonly rawNames: ReadonlySet<string>
  readonly ordered: boolean
  /** Why the tree could not be read. */
  readonly failure: string | undefined
}

export interface TreeOccurrence {
  readonly alias: string
  readonly relation: number
  /** Columns that references in the tree mean. */
  readonly columns: ReadonlySet<string>
  readonly conditions: readonly Condition[]
  /** Why there are no conditions. */
  readonly reason: string | undefined
}

/**
 * Walks every block of the tree, and every table in it. A tree that cannot be read, of a newer Kysely perhaps, has no
 * occurrences, and `failure` says why: the catalog has the tables.
 */
export function readTree(root: RootOperationNode, sql: string, lookup: TableLookup): TreeReading {
  const ordered = is(root, 'SelectQueryNode') && root.orderBy !== undefined
  try {
    return { ...readOccurrences(root, sql, lookup), ordered, failure: undefined }
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error)
    return { occurrences: [], places: new Map(), unknown: [], rawNames: new Set(), ordered, failure }
  }
}

function readOccurrences(
  root: RootOperationNode,
  sql: string,
  lookup: TableLookup,
): Omit<TreeReading, 'ordered' | 'failure'> {
  const tree = numberParameters(root)
  const reader = new TreeReader(lookup, tree.numbers, noConditionsBecause(tree.root, tree.sql, sql))
  reader.visit(tree.root, { block: undefined, ctes: undefined })
  const places = new Map<number, number>()
  for (const relation of reader.places.values()) places.set(relation, (places.get(relation) ?? 0) + 1)
  const { occurrences, unknown } = reader
  return { occurrences, unknown, places, rawNames: namesInRawSql(tree.root) }
}

function noConditionsBecause(root: OperationNode, compiled: string, sql: string): string | undefined {
  if (compiled !== sql) return 'the tree compiles to other SQL than the query'
  return isBalanced(root) ? undefined : 'raw SQL in the query opens what it does not close'
}

/** Where a node stands: whose names it sees. */
interface Surroundings {
  readonly block: Block | undefined
  readonly ctes: CteScope | undefined
}

/** Each reference opens its CTE anew, which can multiply. */
const MOST_OCCURRENCES = 1_000

class TreeReader {
  readonly occurrences: TreeOccurrence[] = []
  readonly places = new Map<OperationNode, number>()
  readonly unknown: TableName[] = []
  readonly #lookup: TableLookup
  readonly #conditions: ConditionReader
  readonly #noConditions: string | undefined
  readonly #columns = new Map<FromItem, Set<string>>()
  readonly #openedCtes = new Set<OperationNode>()
  /** CTEs around the present node: a recursive one is not opened within itself. */
  readonly #openCtes = new Set<OperationNode>()

  constructor(lookup: TableLookup, numbers: ConditionReader['numbers'], noConditions: string | undefined) {
    this.#lookup = lookup
    this.#noConditions = noConditions
    this.#conditions = { numbers, ownColumn: (...reference) => ownColumn(lookup, ...reference) }
  }

  visit(node: OperationNode, around: Surroundings): void {
    if (is(node, 'SelectQueryNode')) return this.#query(node, around)
    if (is(node, 'ReferenceNode')) return this.#reference(node, around.block)
    // Tables of FROM and JOIN are the block's; one elsewhere is inside of raw SQL, as in sql`from ${sql.table('t')}`.
    if (is(node, 'TableNode')) return this.#rawTable(node, tableName(node))
    for (const child of children(node)) this.visit(child, around)
  }

  #query(node: SelectQueryNode, { block: outer, ctes: around }: Surroundings): void {
    const ctes = addCtes(node.with, around, outer)
    const block = openBlock(node, outer, ctes)
    for (const item of block.items) this.#item(item, block)
    for (const join of node.joins ?? []) if (join.on !== undefined) this.visit(join.on, { block, ctes })
    for (const selection of node.selections ?? []) this.#selection(selection, block)
    for (const part of blockParts(node)) this.visit(part, { block, ctes })
    // The arms of a UNION see what this query sees, not what is in it.
    for (const arm of node.setOperations ?? []) this.visit(arm.expression, { block: outer, ctes })
    // A CTE that nobody refers to is in the catalog's answer all the same.
    for (let cte = ctes; cte !== around && cte !== undefined; cte = cte.next) {
      if (!this.#openedCtes.has(cte.expression)) this.#openCte(cte)
    }
  }

  #item(item: FromItem, block: Block): void {
    const { source } = item
    if (source.kind === 'table') return this.#table(item, block, source.table)
    if (source.kind === 'cte') return this.#openCte(source.cte)
    if (source.kind === 'query') {
      return this.#query(source.query, { block: source.isLateral ? block : block.outer, ctes: block.ctes })
    }
    this.visit(item.node, { block, ctes: block.ctes })
  }

  #openCte(cte: CteScope): void {
    this.#openedCtes.add(cte.expression)
    if (this.#openCtes.has(cte.expression)) return
    this.#openCtes.add(cte.expression)
    this.visit(cte.expression, { block: cte.outer, ctes: cte.inside() })
    this.#openCtes.delete(cte.expression)
  }

  #table(item: FromItem, block: Block, name: TableName): void {
    const table = this.#place(item.node, name)
    if (table === undefined) return void this.unknown.push(name)
    const columns = new Set<string>()
    this.#columns.set(item, columns)
    const conditions = this.#noConditions === undefined ? conditionsOf(this.#conditions, block, item) : []
    const reason = conditions.length > 0 ? undefined : (this.#noConditions ?? 'no condition compares it with a value')
    this.#add({ alias: item.name?.name ?? name.name, relation: table.relation, columns, conditions, reason })
  }

  #rawTable(node: OperationNode, name: TableName): void {
    const table = this.#place(node, name)
    if (table === undefined) return
    const occurrence = { alias: name.name, relation: table.relation, columns: table.columns, conditions: [] }
    this.#add({ ...occurrence, reason: 'it stands in raw SQL' })
  }

  #place(node: OperationNode, { schema, name }: TableName): TreeTable | undefined {
    const table = this.#lookup(schema, name)
    if (table !== undefined) this.places.set(node, table.relation)
    return table
  }

  #add(occurrence: TreeOccurrence): void {
    if (this.occurrences.push(occurrence) > MOST_OCCURRENCES) throw new Error('it has too many occurrences')
  }

  #reference(node: ReferenceNode, block: Block | undefined): void {
    if (block === undefined) return
    for (const item of possibleItems(this.#lookup, block, node)) this.#use(item, columnName(node))
  }

  /** `select *`; the * of `count(*)` stands deeper, and uses no column. */
  #selection(node: SelectionNode, block: Block): void {
    if (node.selection.kind === 'SelectAllNode') for (const item of block.items) this.#use(item, undefined)
  }

  /** `undefined` means every column. */
  #use(item: FromItem, column: string | undefined): void {
    const used = this.#columns.get(item)
    if (used === undefined || item.source.kind !== 'table') return
    const { schema, name } = item.source.table
    for (const known of this.#lookup(schema, name)?.columns ?? []) {
      if (column === undefined || column === known) used.add(known)
    }
  }
}

/** Everything of a SELECT that sees its FROM: selections, WHERE, GROUP BY, … */
function blockParts(node: SelectQueryNode): Iterable<OperationNode> {
  const { from: _from, joins: _joins, with: _with, setOperations: _arms, ...parts } = node
  return children(parts)
}
