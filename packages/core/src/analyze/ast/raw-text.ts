import type { OperationNode, RawNode } from 'kysely'
import { sqlTokens, type SqlToken } from '../../util/sql-text.js'
import { children, is, truncated } from './nodes.js'

/*
 * Raw SQL is text between nodes, and text can reach over its own place: `b = 1 or c = 2` beside another condition, an
 * unclosed parenthesis, a comment that swallows what follows. Conditions are read off a clause only where that is
 * impossible.
 */

/** Whether no raw SQL in the tree opens what it does not close. */
export function isBalanced(node: OperationNode): boolean {
  if (is(node, 'RawNode') && looseWords(node) === undefined) return false
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
    const words = looseWords(node)
    if (words === undefined || words.some((word) => REACHES_OUT.has(word))) return false
  }
  for (const child of children(node)) if (!isSelfContained(child)) return false
  return true
}

/** Every bare and quoted name in raw SQL of the tree, and `*`: what it may refer to without the tree showing it. */
export function namesInRawSql(node: OperationNode, names = new Set<string>()): ReadonlySet<string> {
  if (is(node, 'RawNode')) {
    for (const token of sqlTokens(joined(node))) {
      const name = nameIn(token)
      if (name !== undefined) names.add(truncated(name))
    }
  }
  for (const child of children(node)) namesInRawSql(child, names)
  return names
}

function nameIn({ kind, text }: SqlToken): string | undefined {
  if (kind === 'word') return text.toLowerCase()
  if (kind === 'identifier' && text.startsWith('"')) return text.slice(1, -1).replaceAll('""', '"')
  // U&"\0061" could be any name.
  return kind === 'identifier' || text === '*' ? '*' : undefined
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

/** The words of raw SQL outside of parentheses, in lower case; `undefined` if it opens what it does not close. */
function looseWords(node: RawNode): readonly string[] | undefined {
  const words: string[] = []
  let depth = 0
  const tokens = [...sqlTokens(joined(node))]
  for (const { kind, text } of tokens) {
    if (kind === 'unterminated' || text === ';') return undefined
    if (text === '(' || text === '[') depth++
    if (text === ')' || text === ']') depth--
    if (depth < 0) return undefined
    if (kind === 'word' && depth === 0) words.push(text.toLowerCase())
  }
  const last = tokens.at(-1)
  const isOpenComment = last?.kind === 'comment' && last.text.startsWith('--')
  return depth === 0 && !isOpenComment ? words : undefined
}

/** The fragments with a number in place of each node. */
function joined(node: RawNode): string {
  return node.sqlFragments.join(' 0 ')
}
