import {
  createQueryId,
  PostgresQueryCompiler,
  type OperationNode,
  type PrimitiveValueListNode,
  type ValueNode,
} from 'kysely'
import type { RootOperationNode } from '../analyze.js'
import { copyTree } from './nodes.js'

/** A copy of a tree in which every node stands once, and the number of the first parameter that each value became. */
export interface NumberedTree {
  readonly root: OperationNode
  /** The SQL that the copy compiles to; other SQL than the query's means that the numbers cannot be trusted. */
  readonly sql: string
  readonly numbers: ReadonlyMap<OperationNode, number>
}

/** Parameters are numbered as they are compiled, so compiling is the way to find the numbers. */
export function numberParameters(root: RootOperationNode): NumberedTree {
  // A builder that is used twice in a query stands in its tree twice, as the same object with different numbers.
  const copy = copyTree(root)
  const compiler = new NumberingCompiler()
  const { sql } = compiler.compileQuery(copy, createQueryId())
  return { root: copy, sql, numbers: compiler.numbers }
}

class NumberingCompiler extends PostgresQueryCompiler {
  readonly numbers = new Map<OperationNode, number>()

  protected override visitValue(node: ValueNode): void {
    if (node.immediate !== true) this.numbers.set(node, this.numParameters + 1)
    super.visitValue(node)
  }

  protected override visitPrimitiveValueList(node: PrimitiveValueListNode): void {
    this.numbers.set(node, this.numParameters + 1)
    super.visitPrimitiveValueList(node)
  }
}
