import type { OperationNode, RawNode } from 'kysely'
import { sqlTokens, type SqlToken } from '../../util/sql-text.js'
import { children, is, truncated } from './nodes.js'
import { isIgnored, isJsonHelper, isPhrase, rawText } from './raw-text.js'

/** What raw SQL in a tree may refer to without the tree showing it. */
export interface RawNames {
  /** Every bare and quoted name, and `*`. */
  readonly all: ReadonlySet<string>
  /** Whether it may read a CTE of this name. */
  readonly mayRead: (cte: string) => boolean
}

export function namesInRawSql(root: OperationNode): RawNames {
  const all = new Set<string>()
  const unqualified = new Set<string>()
  const visit = (node: OperationNode): void => {
    if (is(node, 'RawNode')) {
      const tokens = [...sqlTokens(rawText(node))].filter((token) => !isIgnored(token))
      for (const [index, token] of tokens.entries()) {
        const isPart = tokens[index - 1]?.text === '.' || tokens[index + 1]?.text === '.'
        for (const name of namesOf(token).map(truncated)) {
          all.add(name)
          if (!isPart) unqualified.add(isEscaped(token) ? ANY_NAME : name)
        }
      }
    }
    for (const child of children(node)) visit(child)
  }
  visit(root)
  return { all, mayRead: (cte) => unqualified.has(cte) || unqualified.has(ANY_NAME) }
}

/** U&"\0061" could be any name. */
const ANY_NAME = ''

function isEscaped({ kind, text }: SqlToken): boolean {
  return kind === 'identifier' && !text.startsWith('"')
}

/** What a token may name: whether letters beyond ASCII are folded depends on the database. */
function namesOf({ kind, text }: SqlToken): readonly string[] {
  if (kind === 'word') return [text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()), text.toLowerCase()]
  if (kind === 'identifier' && text.startsWith('"')) return [text.slice(1, -1).replaceAll('""', '"')]
  return kind === 'identifier' || text === '*' ? ['*'] : []
}

/**
 * Whether raw SQL has a FROM of its own, whose names a subquery in it may mean; Kysely's helpers for JSON have one whose
 * names nothing means.
 */
export function hasOwnFrom(node: RawNode): boolean {
  return !isJsonHelper(node) && wordsIn(node).some((word, index, words) => word === 'from' && !isPhrase(words, index))
}

/** Whether raw SQL in the tree has CTEs of its own, which hide tables from the subqueries in it. */
export function hasOwnCtes(node: OperationNode): boolean {
  if (is(node, 'RawNode') && containsQuery(node)) {
    const words = wordsIn(node)
    if (words.some((word, index) => word === 'with' && !WITH.has(words[index + 1] ?? ''))) return true
  }
  for (const child of children(node)) if (hasOwnCtes(child)) return true
  return false
}

/** `timestamp with time zone`, `with ties`, `with ordinality`. */
const WITH = new Set(['time', 'ties', 'ordinality'])

function containsQuery(node: OperationNode): boolean {
  for (const child of children(node)) if (is(child, 'SelectQueryNode') || containsQuery(child)) return true
  return false
}

function wordsIn(node: RawNode): readonly string[] {
  return [...sqlTokens(rawText(node))].flatMap(({ kind, text }) => (kind === 'word' ? [text.toLowerCase()] : []))
}
