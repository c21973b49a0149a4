import type { IdentifierNode, OperationNode, RawNode } from 'kysely'
import { sqlTokens, type SqlToken } from '../../util/sql-text.js'
import { children, is, tableName } from './nodes.js'

/*
 * Raw SQL is text between nodes, and text can reach over its own place: `b = 1 or c = 2` beside another condition, an
 * unclosed parenthesis, a comment that swallows what follows. Conditions are read off a clause only where that is
 * impossible.
 */

/** Whether no raw SQL in the tree opens what it does not close. */
export function isBalanced(node: OperationNode): boolean {
  if (is(node, 'RawNode') && looseTokens(joined(node)) === undefined) return false
  for (const child of children(node)) if (!isBalanced(child)) return false
  return true
}

/**
 * Whether every part of an expression stays what it looks like, one operand between its neighbours: no raw SQL and no
 * OR reaches out. What stands in parentheses of its own cannot.
 */
export function isSelfContained(node: OperationNode): boolean {
  if (ENCLOSED.has(node.kind)) return true
  if (node.kind === 'OrNode') return false
  if (is(node, 'RawNode')) {
    const tokens = looseTokens(joined(node))
    if (tokens === undefined || tokens.some((token) => REACHES_OUT.has(token))) return false
  }
  for (const child of children(node)) if (!isSelfContained(child)) return false
  return true
}

/** Whether raw SQL in a clause begins no other one, as `placed_at limit 5` in an ORDER BY does. */
export function staysInClause(node: OperationNode): boolean {
  return isLoosely(node, (tokens) => !tokens.some((token, index) => CLAUSES.has(token) && !isPhrase(tokens, index)))
}

/** Whether an expression is one; raw SQL such as `1, status` is two. */
export function isSingle(node: OperationNode): boolean {
  return isLoosely(node, (tokens) => !tokens.includes(','))
}

/** Whether what raw SQL has outside of parentheses passes the test, wherever it stands in an expression. */
function isLoosely(node: OperationNode, test: (tokens: readonly string[]) => boolean): boolean {
  if (ENCLOSED.has(node.kind)) return true
  if (is(node, 'RawNode')) {
    const tokens = looseTokens(rawText(node))
    if (tokens === undefined || !test(tokens)) return false
  }
  for (const part of is(node, 'RawNode') ? partsOf(node) : children(node)) if (!isLoosely(part, test)) return false
  return true
}

/** The nodes in raw SQL, and in raw SQL in it. */
function partsOf(node: RawNode): readonly OperationNode[] {
  return node.parameters.flatMap((part) => (is(part, 'RawNode') ? partsOf(part) : [part]))
}

/** Whether raw SQL says nothing, but for comments. */
export function isBlank(node: OperationNode): boolean {
  return is(node, 'RawNode') && node.parameters.length === 0 && [...sqlTokens(joined(node))].every(isIgnored)
}

export function isIgnored({ kind }: SqlToken): boolean {
  return kind === 'space' || kind === 'comment'
}

/** `is distinct from` and `within group`. */
export function isPhrase(tokens: readonly string[], index: number): boolean {
  const before = (distance: number): string => tokens[index - distance] ?? ''
  if (tokens[index] === 'group') return before(1) === 'within'
  if (tokens[index] === 'from') return before(1) === 'distinct' && isPhrase(tokens, index - 1)
  return tokens[index] === 'distinct' && tokens[index + 1] === 'from' && ['is', 'not'].includes(before(1))
}

const ENCLOSED = new Set<string>([
  'ParensNode',
  'SelectQueryNode',
  'FunctionNode',
  'AggregateFunctionNode',
  'CastNode',
  'CaseNode',
  'TupleNode',
  'ValueListNode',
])

/** Words that bind less tightly than AND, or that end a WHERE or ON clause. */
const REACHES_OUT = new Set([
  ...[
    'or',
    'between',
    'case',
    'when',
    'then',
    'else',
    'end',
    'on',
    'join',
    'left',
    'right',
    'full',
    'cross',
    'inner',
    'natural',
  ],
  ...['where', 'group', 'having', 'window', 'union', 'intersect', 'except', 'order', 'limit', 'offset', 'fetch', 'for'],
])

/** Words that begin a clause of a SELECT, or another SELECT. */
const CLAUSES = new Set([
  ...['distinct', 'from', 'join', 'where', 'group', 'having', 'window', 'union', 'intersect', 'except'],
  ...['order', 'limit', 'offset', 'fetch', 'for'],
])

/** The words and symbols of raw SQL outside of parentheses, in lower case; `undefined` if it opens what it does not close. */
function looseTokens(text: string): readonly string[] | undefined {
  const loose: string[] = []
  let depth = 0
  const tokens = [...sqlTokens(text)]
  for (const { kind, text: token } of tokens) {
    if (kind === 'unterminated' || token === ';') return undefined
    if (token === '(' || token === '[') depth++
    if (token === ')' || token === ']') depth--
    if (depth < 0) return undefined
    if ((kind === 'word' || kind === 'symbol') && depth === 0) loose.push(token.toLowerCase())
  }
  const last = tokens.at(-1)
  const isOpenComment = last?.kind === 'comment' && last.text.startsWith('--')
  return depth === 0 && !isOpenComment ? loose : undefined
}

/** Kysely's jsonArrayFrom and jsonObjectFrom, which bring a FROM, and an aggregate over it, of their own. */
export function isJsonHelper(node: RawNode): boolean {
  return JSON_HELPERS.has(joined(node).replace(/\s+/g, ' ').trim())
}

const JSON_HELPERS = new Set([
  `(select coalesce(json_agg(agg), '[]') from 0 as agg)`,
  `(select to_json(obj) from 0 as obj)`,
])

/** Raw SQL with the raw SQL and the names that stand in it, and a number in place of every other node. */
export function rawText({ sqlFragments, parameters }: RawNode): string {
  return sqlFragments.map((fragment, index) => fragment + placeholder(parameters[index])).join('')
}

function placeholder(node: OperationNode | undefined): string {
  if (node === undefined) return ''
  if (is(node, 'RawNode')) return rawText(node)
  if (node.kind === 'IdentifierNode') return quoted((node as IdentifierNode).name)
  if (is(node, 'TableNode')) {
    const { schema, name } = tableName(node)
    return schema === undefined ? quoted(name) : `${quoted(schema)}.${quoted(name)}`
  }
  return opensParenthesis(node) ? ' (0) ' : ' 0 '
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Whether what the node compiles to begins with a parenthesis. */
function opensParenthesis(node: OperationNode): boolean {
  if (LEADS.has(node.kind)) for (const child of children(node)) return opensParenthesis(child)
  if (is(node, 'RawNode')) return rawText(node).trimStart().startsWith('(')
  return PARENTHESES.has(node.kind)
}

/** Nodes that begin with their first child. */
const LEADS = new Set(['BinaryOperationNode', 'AndNode', 'OrNode', 'CollateNode', 'AliasNode'])
const PARENTHESES = new Set(['ParensNode', 'TupleNode', 'ValueListNode', 'PrimitiveValueListNode'])

/** The fragments with a number in place of each node. */
function joined(node: RawNode): string {
  return node.sqlFragments.join(' 0 ')
}
