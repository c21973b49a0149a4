import type { IdentifierNode, JoinNode, OperationNode, SelectQueryNode, WithNode } from 'kysely'
import { children, is, tableName, truncated, unwrap, type TableName } from './nodes.js'
import { isLimited, picksRows } from './outputs.js'
import { isBlank, isSelfContained, staysInClause } from './raw-text.js'

/**
 * A block is one SELECT with its FROM, as SQL scopes names: the arms of a UNION are blocks of their own, and so is every
 * reference to a CTE.
 */
export interface Block {
  readonly node: SelectQueryNode
  readonly items: readonly FromItem[]
  /** The block whose names this one sees besides its own. */
  readonly outer: Block | undefined
  readonly ctes: CteScope | undefined
  /** Whether conditions may be read off: no raw SQL in it can turn its structure into something else. */
  readonly isPlain: boolean
  /** Which rows it returns depends on other rows (LIMIT, DISTINCT ON, windows): a filter outside of it is not one inside. */
  readonly picksRows: boolean
}

/** The blocks of a query expression: one, or the arms of its set operations. */
export interface Arms {
  readonly blocks: readonly Block[]
  /** The CTEs of the expression, and those around it. */
  readonly ctes: CteScope | undefined
  /** Arms that are no SELECT of the tree. */
  readonly others: readonly OperationNode[]
}

/** Something in FROM or JOIN. */
export interface FromItem {
  readonly node: OperationNode
  /** What references call it; `undefined` where that is raw SQL. */
  readonly name: TableName | undefined
  readonly source: Source
  /** It can be absent from a row of the join, all its columns NULL. */
  readonly isNullable: boolean
  readonly join: JoinNode | undefined
  /** Whether a row that fails this item's ON condition is out of the result. */
  readonly onFilters: boolean
}

export type Source =
  | { readonly kind: 'table'; readonly table: TableName }
  | { readonly kind: 'cte'; readonly cte: CteScope }
  | { readonly kind: 'query'; readonly query: SelectQueryNode; readonly isLateral: boolean }
  /** Functions, values, raw SQL. */
  | { readonly kind: 'other' }

/** The CTEs that a name can mean, the nearest first. */
export interface CteScope {
  readonly name: string
  readonly expression: OperationNode
  /** The CTEs that its own query sees. */
  readonly inside: () => CteScope | undefined
  /** The block whose names its own query sees. */
  readonly outer: Block | undefined
  readonly next: CteScope | undefined
  /** `with t(a, b) as`: the names of its columns are not those of its query. */
  readonly renames: boolean
}

/** A CTE hides a table of its name from the ones after it; from itself and those before it too, if it is recursive. */
export function addCtes(
  node: WithNode | undefined,
  around: CteScope | undefined,
  outer: Block | undefined,
): CteScope | undefined {
  let all = around
  for (const { name, expression } of node?.expressions ?? []) {
    const next = all
    const inside = (): CteScope | undefined => (node?.recursive === true ? all : next)
    const renames = (name.columns?.length ?? 0) > 0
    all = { name: tableName(name.table).name, expression, inside, outer, next, renames }
  }
  return all
}

/** Opens a query expression, each time anew: two references to a CTE have blocks of their own. */
export function openArms(
  node: SelectQueryNode,
  outer: Block | undefined,
  around: CteScope | undefined,
  isPickedOutside = false,
): Arms {
  const ctes = addCtes(node.with, around, outer)
  const operations = node.setOperations ?? []
  const isPicked = isPickedOutside || (operations.length > 0 && (picksRows(node) || picksOfAllArms(node)))
  const left = openBlock(node, outer, ctes, isPicked)
  const blocks = [left]
  const others: OperationNode[] = []
  for (const { expression } of operations) {
    const arm = unwrap(expression)
    if (!is(arm, 'SelectQueryNode')) {
      others.push(expression)
      continue
    }
    const inner = openArms(arm, outer, ctes, isPicked)
    blocks.push(...inner.blocks)
    others.push(...inner.others)
  }
  return { blocks, ctes, others }
}

/** What ends the last arm of a set operation ends the whole of it, unless that arm has parentheses. */
function picksOfAllArms(node: SelectQueryNode): boolean {
  return (
    isLimited(node) || !isPlainSelect(node) || (node.setOperations ?? []).some(({ expression }) => endsAll(expression))
  )
}

function endsAll(arm: OperationNode): boolean {
  return is(arm, 'SelectQueryNode') ? picksOfAllArms(arm) : !staysInClause(arm)
}

function openBlock(
  node: SelectQueryNode,
  outer: Block | undefined,
  ctes: CteScope | undefined,
  isPicked: boolean,
): Block {
  const joins = node.joins ?? []
  // RIGHT and FULL joins make everything before them nullable; that, or anything unknown, is not worth telling apart.
  const allNullable = joins.some((join) => !INNER_JOINS.has(join.joinType) && !LEFT_JOINS.has(join.joinType))
  const items = [
    ...(node.from?.froms ?? []).map((item) => fromItem(item, ctes, undefined, allNullable)),
    ...joins.map((join) => fromItem(join.table, ctes, join, allNullable)),
  ]
  return {
    node,
    items,
    outer,
    ctes,
    isPlain: isPlainSelect(node) && items.every((item) => isPlainItem(item)),
    picksRows: isPicked || picksRows(node),
  }
}

const INNER_JOINS = new Set<string>(['InnerJoin', 'CrossJoin', 'LateralInnerJoin', 'LateralCrossJoin'])
const LEFT_JOINS = new Set<string>(['LeftJoin', 'LateralLeftJoin'])
const LATERAL_JOINS = new Set<string>(['LateralInnerJoin', 'LateralCrossJoin', 'LateralLeftJoin'])

function fromItem(
  item: OperationNode,
  ctes: CteScope | undefined,
  join: JoinNode | undefined,
  allNullable: boolean,
): FromItem {
  const isAliased = item.kind === 'AliasNode'
  const { node, alias } = isAliased
    ? (item as unknown as { node: OperationNode; alias: OperationNode })
    : { node: item, alias: undefined }
  const source = sourceOf(node, ctes, join)
  return {
    node: item,
    name: alias === undefined ? sourceName(source) : aliasName(alias),
    source,
    isNullable: allNullable || (join !== undefined && LEFT_JOINS.has(join.joinType)),
    join,
    onFilters: !allNullable && join !== undefined && INNER_JOINS.has(join.joinType),
  }
}

function sourceOf(node: OperationNode, ctes: CteScope | undefined, join: JoinNode | undefined): Source {
  if (is(node, 'SelectQueryNode')) {
    return { kind: 'query', query: node, isLateral: join !== undefined && LATERAL_JOINS.has(join.joinType) }
  }
  if (!is(node, 'TableNode')) return { kind: 'other' }
  const table = tableName(node)
  const cte = table.schema === undefined ? findCte(ctes, table.name) : undefined
  return cte === undefined ? { kind: 'table', table } : { kind: 'cte', cte }
}

function findCte(ctes: CteScope | undefined, name: string): CteScope | undefined {
  for (let cte = ctes; cte !== undefined; cte = cte.next) if (cte.name === name) return cte
  return undefined
}

function sourceName(source: Source): TableName | undefined {
  if (source.kind === 'table') return source.table
  return source.kind === 'cte' ? { schema: undefined, name: source.cte.name } : undefined
}

function aliasName(alias: OperationNode): TableName | undefined {
  return alias.kind === 'IdentifierNode'
    ? { schema: undefined, name: truncated((alias as IdentifierNode).name) }
    : undefined
}

function isPlainItem(item: FromItem): boolean {
  return item.name !== undefined && isSelfContained(item.node)
}

/** Whether each clause is what it looks like. A raw modifier, behind SELECT or at the end, can be anything. */
function isPlainSelect(node: SelectQueryNode): boolean {
  const { from: _from, with: _with, setOperations: _arms, ...clauses } = node
  for (const clause of children(clauses)) {
    const parts = clause.kind === 'JoinNode' ? [(clause as JoinNode).on] : [clause]
    if (!parts.every((part) => part === undefined || staysInClause(part))) return false
  }
  return [...(node.frontModifiers ?? []), ...(node.endModifiers ?? [])].every(
    ({ rawModifier }) => rawModifier === undefined || isBlank(rawModifier),
  )
}
