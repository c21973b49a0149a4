import type {
  AndNode,
  BinaryOperationNode,
  OperationNode,
  OperatorNode,
  PrimitiveValueListNode,
  ReferenceNode,
  ValueListNode,
  ValueNode,
} from 'kysely'
import type { Condition, Operand } from '../plan.js'
import type { Block, FromItem } from './blocks.js'
import { is, unwrap } from './nodes.js'
import { isSelfContained } from './raw-text.js'
import type { OwnColumn } from './references.js'

/**
 * Conditions that a row of a from-item must meet in its own block, or it plays no part there:
 * the parts of WHERE and of inner joins' ON that are joined by AND, and compare a column with parameters or literals.
 * Nothing is read off below OR and NOT. Dropping a condition is always sound, so whatever is not understood is dropped.
 */
export interface ConditionReader {
  readonly numbers: ReadonlyMap<OperationNode, number>
  readonly ownColumn: (block: Block, reference: ReferenceNode, visible: number) => OwnColumn | undefined
}

export function conditionsOf(reader: ConditionReader, block: Block, item: FromItem): readonly Condition[] {
  if (!block.isPlain) return []
  const found: Condition[] = []
  const collect = (clause: OperationNode | undefined, visible: number, isOwnOn: boolean): void => {
    for (const part of conjuncts(clause)) {
      for (const { own, condition } of comparisons(reader, block, part, visible)) {
        // A row that is absent from the join meets "is null"; so only what rejects NULL filters a nullable item.
        const filters = isOwnOn || !item.isNullable || condition.operator !== 'is null'
        if (own === item && filters) found.push(condition)
      }
    }
  }
  collect(block.node.where?.where, block.items.length, false)
  block.items.forEach((other, index) => {
    const isOwnOn = other === item && other.join?.joinType.endsWith('LeftJoin') === true && !hasOuterJoins(block)
    if (other.onFilters || isOwnOn) collect(other.join?.on?.on, index + 1, isOwnOn)
  })
  return found
}

/** Whether some join makes the items before it nullable, too. */
function hasOuterJoins(block: Block): boolean {
  return block.items.some((item) => item.join === undefined && item.isNullable)
}

/** The parts of a clause that must all be true; none if raw SQL or an OR without parentheses could join them otherwise. */
function conjuncts(clause: OperationNode | undefined): readonly OperationNode[] {
  return clause !== undefined && isSelfContained(clause) ? split(clause) : []
}

function split(node: OperationNode): readonly OperationNode[] {
  const inner = unwrap(node)
  if (inner.kind !== 'AndNode') return [inner]
  const { left, right } = inner as AndNode
  return [...split(left), ...split(right)]
}

interface Comparison {
  readonly own: FromItem
  readonly condition: Condition
}

function comparisons(
  reader: ConditionReader,
  block: Block,
  part: OperationNode,
  visible: number,
): readonly Comparison[] {
  if (!is(part, 'BinaryOperationNode') || !is(part.operator, 'OperatorNode')) return []
  const operator = part.operator.operator
  if (operator === 'between') return betweenParts(part).flatMap((bound) => comparisons(reader, block, bound, visible))
  const left = unwrap(part.leftOperand)
  const right = unwrap(part.rightOperand)
  return (
    compare(reader, block, { column: left, operator, value: right, visible }) ??
    compare(reader, block, { column: right, operator: FLIPPED[operator] ?? '', value: left, visible }) ??
    []
  )
}

interface Sides {
  readonly column: OperationNode
  readonly operator: string
  readonly value: OperationNode
  readonly visible: number
}

function compare(reader: ConditionReader, block: Block, sides: Sides): readonly Comparison[] | undefined {
  const own = is(sides.column, 'ReferenceNode') ? reader.ownColumn(block, sides.column, sides.visible) : undefined
  if (own === undefined) return undefined
  if (sides.operator === 'is' || sides.operator === 'is not') {
    if (!isNullLiteral(sides.value)) return undefined
    const operator = sides.operator === 'is' ? 'is null' : 'is not null'
    return [{ own: own.item, condition: { column: own.column, operator, operands: [] } }]
  }
  const operator = OPERATORS[sides.operator]
  const operands = operator === 'in' ? listOperands(reader, sides.value) : single(operand(reader, sides.value))
  if (operator === undefined || operands === undefined) return undefined
  return [{ own: own.item, condition: { column: own.column, operator, operands } }]
}

const OPERATORS: Readonly<Record<string, Condition['operator']>> = {
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  in: 'in',
}

/** The same comparison with its sides exchanged. */
const FLIPPED: Readonly<Record<string, string>> = {
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/** `x between a and b`, whose operand is an AndNode, as `x >= a` and `x <= b`. */
function betweenParts(node: BinaryOperationNode): readonly BinaryOperationNode[] {
  if (node.rightOperand.kind !== 'AndNode') return []
  const { left, right } = node.rightOperand as AndNode
  const bound = (operator: '>=' | '<=', rightOperand: OperationNode): BinaryOperationNode => ({
    ...node,
    operator: { kind: 'OperatorNode', operator } as OperatorNode,
    rightOperand,
  })
  return [bound('>=', left), bound('<=', right)]
}

function isNullLiteral(node: OperationNode): boolean {
  return node.kind === 'ValueNode' && (node as ValueNode).immediate === true && (node as ValueNode).value === null
}

function single(operand: Operand | undefined): readonly Operand[] | undefined {
  return operand === undefined ? undefined : [operand]
}

function operand(reader: ConditionReader, node: OperationNode): Operand | undefined {
  if (node.kind !== 'ValueNode') return undefined
  const { value, immediate } = node as ValueNode
  if (immediate === true) return isLiteral(value) ? { kind: 'literal', value } : undefined
  const number = reader.numbers.get(node)
  return number === undefined ? undefined : { kind: 'parameter', number }
}

function listOperands(reader: ConditionReader, node: OperationNode): readonly Operand[] | undefined {
  if (node.kind === 'PrimitiveValueListNode') {
    const first = reader.numbers.get(node)
    if (first === undefined) return undefined
    return (node as PrimitiveValueListNode).values.map((_, index) => ({ kind: 'parameter', number: first + index }))
  }
  if (node.kind !== 'ValueListNode') return undefined
  const operands = (node as ValueListNode).values.map((value) => operand(reader, unwrap(value)))
  return operands.every((known) => known !== undefined) ? operands : undefined
}

function isLiteral(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}
