import type { AggregateFunctionNode, FunctionNode, OperationNode, ReferenceNode, SelectQueryNode } from 'kysely'
import { sqlTokens } from '../../util/sql-text.js'
import type { Block, FromItem } from './blocks.js'
import { children, columnName, is, tableName, truncated, unwrap } from './nodes.js'
import { isIgnored, isJsonHelper, isSingle, rawText } from './raw-text.js'

/** One column that a SELECT returns. */
export type Output =
  | { readonly name: string; readonly node: OperationNode }
  /** By `*` or `t.*`. */
  | { readonly name: string; readonly item: FromItem }

/** The columns of a block by position; `undefined` where the tree does not tell each of them. */
export function outputsOf({ node, items }: Block, columnsOf: ColumnsOf): readonly Output[] | undefined {
  const outputs: Output[] = []
  for (const { selection } of node.selections ?? []) {
    const found = isAll(selection) ? allOutputs(selection, items, columnsOf) : single(namedOutput(selection))
    if (found === undefined) return undefined
    outputs.push(...found)
  }
  return outputs
}

/** The columns of a table in the catalog's order; `undefined` for everything else. */
type ColumnsOf = (item: FromItem) => ReadonlySet<string> | undefined

function isAll(selection: OperationNode): boolean {
  return selection.kind === 'SelectAllNode' || (is(selection, 'ReferenceNode') && columnName(selection) === undefined)
}

function allOutputs(
  selection: OperationNode,
  items: readonly FromItem[],
  columnsOf: ColumnsOf,
): readonly Output[] | undefined {
  const table = is(selection, 'ReferenceNode') && selection.table ? tableName(selection.table).name : undefined
  const meant = table === undefined ? items : items.filter((item) => item.name?.name === table)
  const columns = meant.map((item) => [...(columnsOf(item) ?? [])].map((name): Output => ({ name, item })))
  return columns.length > 0 && columns.every((known) => known.length > 0) ? columns.flat() : undefined
}

function namedOutput(selection: OperationNode): Output | undefined {
  if (!isSingle(selection)) return undefined
  if (selection.kind === 'AliasNode') {
    const { node, alias } = selection as unknown as { node: OperationNode; alias: OperationNode & { name?: unknown } }
    return alias.kind === 'IdentifierNode' && typeof alias.name === 'string'
      ? { name: truncated(alias.name), node }
      : undefined
  }
  const name = is(selection, 'ReferenceNode') ? columnName(selection) : undefined
  return name === undefined ? undefined : { name, node: selection }
}

function single(output: Output | undefined): readonly Output[] | undefined {
  return output && [output]
}

/**
 * An aggregate without GROUP BY returns a row over nothing at all; so do grouping sets, which hide in raw SQL. `mayBeOwn`
 * tells of a reference in a subquery whether it may mean a column of this SELECT's own FROM.
 */
export function yieldsOverNothing(node: SelectQueryNode, mayBeOwn: (reference: ReferenceNode) => boolean): boolean {
  if (node.groupBy !== undefined)
    return contains(node.groupBy, (part) => is(unwrap(part), 'RawNode') || isGroupingCall(part))
  if (node.having !== undefined) return true
  // A subquery's aggregate over columns of this SELECT is an aggregate of this SELECT.
  const aggregatesOwn = (part: OperationNode): boolean =>
    callsUnknown(part) ||
    (mayAggregate(part) && containsDeep(part, (inner) => is(inner, 'ReferenceNode') && mayBeOwn(inner)))
  return outside(node).some((part) =>
    contains(part, (inner) =>
      is(inner, 'SelectQueryNode') ? containsDeep(inner, aggregatesOwn) : mayAggregate(inner),
    ),
  )
}

/** Whether the rows that are returned depend on rows that are not. */
export function picksRows(node: SelectQueryNode): boolean {
  return isLimited(node) || (node.distinctOn?.length ?? 0) > 0 || hasWindow(node)
}

export function isLimited(node: SelectQueryNode): boolean {
  const parts = node as SelectQueryNode & { readonly fetch?: unknown; readonly top?: unknown }
  return Boolean(parts.limit ?? parts.offset ?? parts.fetch ?? parts.top)
}

/** Whether a function looks at other rows of the result. */
export function hasWindow(node: SelectQueryNode): boolean {
  return outside(node).some((part) => contains(part, mayBeWindow))
}

/** The parts of a SELECT in which aggregates and window functions can stand. */
function outside(node: SelectQueryNode): readonly OperationNode[] {
  return [...(node.selections ?? []), node.orderBy, ...(node.distinctOn ?? []), ...(node.endModifiers ?? [])].filter(
    (part) => part !== undefined,
  )
}

/** `rollup (…)` and its like; Kysely prints the name of a function as it is. */
function isGroupingCall(node: OperationNode): boolean {
  if (node.kind !== 'FunctionNode' && node.kind !== 'AggregateFunctionNode') return false
  const name = (node as FunctionNode | AggregateFunctionNode).func.toLowerCase()
  return name === 'rollup' || name === 'cube' || !/^[\w$.]+$/.test(name)
}

/** Functions of one row; any other may be an aggregate. */
const SCALAR = new Set([
  ...['lower', 'upper', 'coalesce', 'nullif', 'greatest', 'least', 'abs', 'length', 'round', 'concat', 'any', 'cast'],
  ...['to_json', 'to_jsonb', 'json_build_object', 'jsonb_build_object', 'json_build_array', 'jsonb_build_array'],
])
/** Words before a parenthesis that call nothing. */
const NO_CALL = new Set([
  'and',
  'or',
  'not',
  'in',
  'as',
  'from',
  'when',
  'then',
  'else',
  'case',
  'select',
  'where',
  'on',
  'between',
])

function mayAggregate(node: OperationNode): boolean {
  if (node.kind === 'AggregateFunctionNode') return (node as { over?: unknown }).over === undefined
  if (node.kind === 'FunctionNode') return !SCALAR.has((node as FunctionNode).func.toLowerCase())
  return callsUnknown(node)
}

/** Whether raw SQL calls a function that is not known to be one of a single row. */
function callsUnknown(node: OperationNode): boolean {
  if (!is(node, 'RawNode') || isJsonHelper(node)) return false
  let name: string | undefined
  let isQualified = false
  for (const token of sqlTokens(rawText(node))) {
    if (isIgnored(token)) continue
    if (token.text === '(' && name !== undefined && (isQualified || !(SCALAR.has(name) || NO_CALL.has(name))))
      return true
    const isSymbol = token.kind === 'symbol'
    isQualified = isSymbol ? token.text === '.' : isQualified && name === undefined
    name = isSymbol ? undefined : token.text.toLowerCase()
  }
  return false
}

function mayBeWindow(node: OperationNode): boolean {
  if (node.kind === 'OverNode') return true
  if (!is(node, 'RawNode')) return false
  return [...sqlTokens(rawText(node))].some(({ kind, text }) => kind === 'word' && text.toLowerCase() === 'over')
}

/** Whether a node or one below it passes the test; a subquery is tested as a whole. */
function contains(node: OperationNode, test: (node: OperationNode) => boolean): boolean {
  if (test(node)) return true
  if (is(node, 'SelectQueryNode')) return false
  for (const child of children(node)) if (contains(child, test)) return true
  return false
}

function containsDeep(node: OperationNode, test: (node: OperationNode) => boolean): boolean {
  if (test(node)) return true
  for (const child of children(node)) if (containsDeep(child, test)) return true
  return false
}
