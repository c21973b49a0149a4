import type { OperationNode, ReferenceNode, SelectionNode, SelectQueryNode } from 'kysely'
import type { RootOperationNode } from '../analyze.js'
import type { Condition, Link, Partner, TopRows } from '../plan.js'
import type { Arms, Block, CteScope, FromItem } from './blocks.js'
import { requiredSubquery } from './comparisons.js'
import { children, columnName, is, tableName, type TableName } from './nodes.js'
import { numberParameters, type NumberedTree } from './parameters.js'
import { describeConditions, NO_CONDITIONS } from './described-conditions.js'
import { prune } from './prune.js'
import { hasOwnCtes, hasOwnFrom, namesInRawSql, type RawNames } from './raw-names.js'
import { isBalanced } from './raw-text.js'
import { possibleItems } from './references.js'
import { Relaxation, Relaxer, type Part, type Path } from './relaxation.js'

/** A relation that stands in the query, as the catalog knows it. */
export interface TreeTable {
  readonly relation: number
  readonly columns: ReadonlySet<string>
  /** A table that holds rows, no view. */
  readonly isTable: boolean
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
  /** Why the tree could not be read. */
  readonly failure: string | undefined
}

export interface TreeOccurrence {
  readonly alias: string
  readonly relation: number
  /** Columns that references in the tree mean. */
  readonly columns: ReadonlySet<string>
  readonly conditions: readonly Condition[]
  readonly partners: readonly Partner[]
  readonly links: readonly Link[]
  readonly top: TopRows | undefined
  /** Why there are no conditions. */
  readonly reason: string | undefined
}

/**
 * Walks every block of the tree, and every table in it. A tree that cannot be read, of a newer Kysely perhaps, has no
 * occurrences, and `failure` says why: the catalog has the tables.
 */
export function readTree(root: RootOperationNode, sql: string, lookup: TableLookup): TreeReading {
  try {
    return { ...readOccurrences(root, sql, lookup), failure: undefined }
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error)
    return { occurrences: [], places: new Map(), unknown: [], rawNames: new Set(), failure }
  }
}

function readOccurrences(root: RootOperationNode, sql: string, lookup: TableLookup): Omit<TreeReading, 'failure'> {
  const tree = numberParameters(root)
  const rawNames = namesInRawSql(tree.root)
  const reader = new TreeReader(lookup, tree, rawNames, noConditionsBecause(tree.root, tree.sql, sql))
  reader.visit(tree.root, NOWHERE)
  const places = new Map<number, number>()
  for (const relation of reader.places.values()) places.set(relation, (places.get(relation) ?? 0) + 1)
  const { occurrences, unknown } = reader
  return { occurrences, unknown, places, rawNames: rawNames.all }
}

function noConditionsBecause(root: OperationNode, compiled: string, sql: string): string | undefined {
  if (compiled !== sql) return 'the tree compiles to other SQL than the query'
  if (isRecursive(root)) return 'the query is recursive'
  if (hasOwnCtes(root)) return 'raw SQL in the query has a WITH clause'
  return isBalanced(root) ? undefined : 'raw SQL in the query opens what it does not close'
}

function isRecursive(node: OperationNode): boolean {
  if (node.kind === 'WithNode' && (node as { recursive?: boolean }).recursive === true) return true
  for (const child of children(node)) if (isRecursive(child)) return true
  return false
}

/** Where a node stands. */
interface Surroundings {
  /** Whose names it sees. */
  readonly block: Block | undefined
  readonly ctes: CteScope | undefined
  /** What must hold around it for it to matter. */
  readonly above: Above
  readonly entered: Entered
}

type Entered = Path['entered']
/**
 * What must hold around an occurrence that stands somewhere below, given all that the walk has entered on its way there:
 * a condition further out may lead into any of that.
 */
type Above = (entered: Entered) => Relaxation

const NOTHING = new Relaxation()
const NOWHERE: Surroundings = { block: undefined, ctes: undefined, above: () => NOTHING, entered: new Map() }

/** Each reference opens its CTE anew, which can multiply. */
const MOST_OCCURRENCES = 1_000

class TreeReader {
  readonly occurrences: TreeOccurrence[] = []
  readonly places = new Map<OperationNode, number>()
  readonly unknown: TableName[] = []
  readonly #lookup: TableLookup
  readonly #relaxer: Relaxer
  readonly #root: OperationNode
  readonly #rawNames: RawNames
  readonly #noConditions: string | undefined
  readonly #columns = new Map<FromItem, Set<string>>()
  readonly #openedCtes = new Set<OperationNode>()
  /** CTEs around the present node: a recursive one is not opened within itself. */
  readonly #openCtes = new Set<OperationNode>()

  constructor(
    lookup: TableLookup,
    { root, numbers }: NumberedTree,
    rawNames: RawNames,
    noConditions: string | undefined,
  ) {
    this.#rawNames = rawNames
    this.#lookup = lookup
    this.#root = root
    this.#noConditions = noConditions
    this.#relaxer = new Relaxer(lookup, numbers)
  }

  visit(node: OperationNode, around: Surroundings): void {
    if (is(node, 'SelectQueryNode')) return this.#query(node, around)
    if (is(node, 'ReferenceNode')) return this.#reference(node, around.block)
    // Tables of FROM and JOIN are the block's; one elsewhere is inside of raw SQL, as in sql`from ${sql.table('t')}`.
    if (is(node, 'TableNode')) return this.#rawTable(node, tableName(node))
    const inside = is(node, 'RawNode') && hasOwnFrom(node) ? { ...around, above: NOWHERE.above } : around
    for (const child of children(node)) this.visit(child, inside)
  }

  #query(node: SelectQueryNode, around: Surroundings): void {
    this.#arms(this.#relaxer.open(node, around.block, around.ctes), around, () => around)
  }

  /** `inArm` is what surrounds each of the arms. */
  #arms({ blocks, others, ctes }: Arms, around: Surroundings, inArm: (arm: Block) => Surroundings): void {
    for (const block of blocks) this.#block(block, inArm(block))
    for (const other of others) this.visit(other, { ...around, ctes, above: NOWHERE.above })
    // A CTE that nobody refers to is in the catalog's answer all the same; one that raw SQL may read is read in a way
    // that the tree does not show, whoever else refers to it.
    for (const block of blocks) {
      for (let cte = block.ctes; cte !== around.ctes && cte !== undefined; cte = cte.next) {
        if (!this.#openedCtes.has(cte.expression) || this.#rawNames.mayRead(cte.name)) this.#otherCte(cte)
      }
    }
  }

  /** Everything in one SELECT. `around` is where its query expression stands. */
  #block(block: Block, around: Surroundings): void {
    const { node, ctes } = block
    const inside = { block, ctes, entered: around.entered }
    const all = perPath((entered) => this.#conditions(block, around, { entered }))
    for (const item of block.items) this.#item(item, block, around)
    const parts = this.#relaxer.whereParts(block)
    for (const part of parts) {
      this.#part(part, block, around, (entered) => this.#conditions(block, around, { entered, within: part.node }))
    }
    if (parts.length === 0 && node.where) this.visit(node.where.where, { ...inside, above: all })
    block.items.forEach((item, index) => this.#on(item, index, block, around))
    for (const selection of node.selections ?? []) this.#selection(selection, block)
    const above = this.#relaxer.yieldsOverNothing(block) ? around.above : all
    for (const part of blockParts(node)) this.visit(part, { ...inside, above })
  }

  /** What must hold in the block and around it; with a row of `owner`, where that is given. */
  #conditions(block: Block, around: Surroundings, { entered, within, owner }: Inside): Relaxation {
    if (this.#noConditions !== undefined) return NOTHING
    const path: Path = { entered, within }
    const relaxation = around.above(entered).copy()
    const seen = new Set<Block | FromItem>()
    this.#relaxer.gather(relaxation, block, path, seen)
    if (owner) this.#relaxer.include(relaxation, owner, path, seen)
    return relaxation
  }

  #item(item: FromItem, block: Block, around: Surroundings): void {
    const { source } = item
    if (source.kind === 'table') return this.#table(item, block, source.table, around)
    if (source.kind === 'other') {
      return this.visit(item.node, { block, ctes: block.ctes, above: around.above, entered: around.entered })
    }
    const arms = this.#relaxer.armsOf(item, block)
    const inArm = (arm: Block): Surroundings => {
      const entered = new Map([...around.entered, [item, arm]])
      const above = perPath((path) => this.#conditions(block, around, { entered: path, owner: item }))
      return source.kind === 'cte'
        ? { block: source.cte.outer, ctes: source.cte.inside(), entered, above }
        : { block: source.isLateral ? block : block.outer, ctes: block.ctes, entered, above }
    }
    if (source.kind === 'query') return this.#arms(arms!, inArm(arms!.blocks[0]!), inArm)
    const { expression } = source.cte
    this.#openedCtes.add(expression)
    if (this.#openCtes.has(expression)) return
    this.#openCtes.add(expression)
    if (arms) this.#arms(arms, inArm(arms.blocks[0]!), inArm)
    else this.#otherCte(source.cte)
    this.#openCtes.delete(expression)
  }

  /** A CTE that is no SELECT of the tree, or that no item of the tree refers to. */
  #otherCte(cte: CteScope): void {
    this.#openedCtes.add(cte.expression)
    this.visit(cte.expression, { ...NOWHERE, block: cte.outer, ctes: cte.inside() })
  }

  /** One conjunct of a WHERE or ON clause; `above` is what must hold beside it. */
  #part({ node, visible }: Part, block: Block, around: Surroundings, conditions: Above): void {
    const above = perPath(conditions)
    const inside = { block, ctes: block.ctes, entered: around.entered, above }
    const required = this.#noConditions === undefined ? requiredSubquery(node) : undefined
    if (!required) return this.visit(node, inside)
    const { select, member } = required
    if (member) this.visit(member, inside)
    this.#arms(this.#relaxer.open(select, block, block.ctes), inside, (arm) => ({
      ...inside,
      above: perPath((entered) => {
        const relaxation = above(entered).copy()
        const path = { entered, within: node }
        if (member && !arm.picksRows) this.#relaxer.addMembership(relaxation, member, block, visible, arm, path)
        return relaxation
      }),
    }))
  }

  #on(item: FromItem, index: number, block: Block, around: Surroundings): void {
    if (item.join?.on === undefined) return
    const parts = this.#relaxer.onParts(item, index)
    // Beside a RIGHT or FULL join, a row that fails the block's conditions still decides which rows have no partner.
    const isWeak = !item.onFilters && block.items.some((other) => !other.join && other.isNullable)
    const owner = item.onFilters ? undefined : item
    for (const part of parts) {
      this.#part(part, block, around, (entered) =>
        isWeak ? around.above(entered) : this.#conditions(block, around, { entered, within: part.node, owner }),
      )
    }
    if (parts.length > 0) return
    const above = isWeak ? around.above : perPath((entered) => this.#conditions(block, around, { entered }))
    this.visit(item.join.on, { block, ctes: block.ctes, entered: around.entered, above })
  }

  #table(item: FromItem, block: Block, name: TableName, around: Surroundings): void {
    const table = this.#place(item.node, name)
    if (table === undefined) return void this.unknown.push(name)
    const columns = new Set<string>()
    this.#columns.set(item, columns)
    const relaxed =
      this.#noConditions === undefined
        ? describeConditions(
            prune(this.#conditions(block, around, { entered: around.entered, owner: item }), item),
            item,
            this.#lookup,
          )
        : NO_CONDITIONS
    const says = relaxed.conditions.length + relaxed.partners.length > 0
    const reason = says ? undefined : (this.#noConditions ?? 'no condition compares it with a value')
    const alias = item.name?.name ?? name.name
    this.#add({ alias, relation: table.relation, columns, ...relaxed, top: this.#top(item, block), reason })
  }

  #rawTable(node: OperationNode, name: TableName): void {
    const table = this.#place(node, name)
    if (table === undefined) return
    const occurrence = { alias: name.name, relation: table.relation, columns: table.columns }
    this.#add({ ...occurrence, ...NO_CONDITIONS, top: undefined, reason: 'it stands in raw SQL' })
  }

  #top(item: FromItem, block: Block): TopRows | undefined {
    return block.node === this.#root && this.#noConditions === undefined
      ? this.#relaxer.topRows(block, item)
      : undefined
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
  #selection(selection: SelectionNode, block: Block): void {
    if (selection.selection.kind === 'SelectAllNode') for (const item of block.items) this.#use(item, undefined)
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

interface Inside {
  readonly entered: Entered
  readonly within?: OperationNode
  readonly owner?: FromItem | undefined
}

/** Computed when it is first asked for. */
function perPath(compute: Above): Above {
  const known = new Map<Entered, Relaxation>()
  return (entered) => {
    const relaxation = known.get(entered) ?? compute(entered)
    known.set(entered, relaxation)
    return relaxation
  }
}

/** Everything of a SELECT that sees its FROM: selections, GROUP BY, ORDER BY, … */
function blockParts(node: SelectQueryNode): Iterable<OperationNode> {
  const { from: _from, joins: _joins, with: _with, where: _where, setOperations: _arms, ...parts } = node
  return children(parts)
}
