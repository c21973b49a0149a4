import { sql, type Kysely, type RootOperationNode } from 'kysely'
import type { QueryCase } from '../case.js'
import { decodeNode } from '../query/codec.js'
import { fromNode } from '../query/compound.js'
import type { Expr, Loose, Query } from '../query/kysely.js'

/** The query as an application would hand it in: a builder around the saved tree. */
export function toQuery(saved: QueryCase): Query | Expr {
  const node = decodeNode(saved.node) as RootOperationNode
  return node.kind === 'RawNode' ? rawBuilder(node) : fromNode(node)
}

function rawBuilder(node: RootOperationNode): Expr {
  const Builder = sql`select 1`.constructor as new (props: Loose) => Expr
  return new Builder({ queryId: { queryId: 'oracle' }, rawNode: node })
}

export function compileQuery(
  db: Kysely<Loose>,
  saved: QueryCase,
): { readonly sql: string; readonly parameters: unknown[] } {
  const node = decodeNode(saved.node) as RootOperationNode
  const compiled = db.getExecutor().compileQuery(node, { queryId: 'oracle' })
  return { sql: compiled.sql, parameters: [...compiled.parameters] }
}
