import type {
  AndNode,
  BinaryOperationNode,
  FunctionNode,
  OperationNode,
  OperatorNode,
  PrimitiveValueListNode,
  ReferenceNode,
  SelectQueryNode,
  UnaryOperationNode,
  ValueListNode,
  ValueNode,
} from 'kysely'
import type { Condition, LinkOperator, Operand } from '../plan.js'
import { is, unwrap } from './nodes.js'
import { isSelfContained } from './raw-text.js'

/** What one part of a clause says of columns; nothing where it is not understood. */
export type Comparison =
  | {
      readonly kind: 'value'
      readonly reference: ReferenceNode
      readonly operator: Condition['operator']
      readonly operands: readonly Operand[]
    }
  | {
      readonly kind: 'link'
      readonly left: ReferenceNode
      readonly operator: LinkOperator
      readonly right: ReferenceNode
    }

/** The parts of a clause that must all be true; none if raw SQL or an OR without parentheses could join them otherwise. */
export function conjuncts(clause: OperationNode | undefined): readonly OperationNode[] {
  return clause !== undefined && isSelfContained(clause) ? split(clause) : []
}

function split(node: OperationNode): readonly OperationNode[] {
  const inner = unwrap(node)
  if (inner.kind !== 'AndNode') return [inner]
  const { left, right } = inner as AndNode
  return [...split(left), ...split(right)]
}

/** A subquery that must return something for the conjunct to hold: `exists (…)`, or `x in (…)`. */
export interface RequiredSubquery {
  readonly select: SelectQueryNode
  /** What must be among its values. */
  readonly member: OperationNode | undefined
}

export function requiredSubquery(part: OperationNode): RequiredSubquery | undefined {
  if (part.kind === 'UnaryOperationNode') {
    const { operator, operand } = part as UnaryOperationNode
    const select = unwrap(operand)
    if (!is(operator, 'OperatorNode') || operator.operator !== 'exists') return undefined
    return is(select, 'SelectQueryNode') ? { select, member: undefined } : undefined
  }
  if (!is(part, 'BinaryOperationNode') || !is(part.operator, 'OperatorNode')) return undefined
  const select = unwrap(part.rightOperand)
  if (part.operator.operator !== 'in' || !is(select, 'SelectQueryNode')) return undefined
  return { select, member: unwrap(part.leftOperand) }
}

/** `numbers`: the first parameter that each value became. */
export function comparisonsIn(part: OperationNode, numbers: ReadonlyMap<OperationNode, number>): readonly Comparison[] {
  if (!is(part, 'BinaryOperationNode') || !is(part.operator, 'OperatorNode')) return []
  const { operator } = part.operator
  if (operator === 'between') return betweenParts(part).flatMap((bound) => comparisonsIn(bound, numbers))
  const left = unwrap(part.leftOperand)
  const right = unwrap(part.rightOperand)
  if (is(left, 'ReferenceNode') && is(right, 'ReferenceNode')) {
    const comparing = LINKS[operator]
    return comparing === undefined ? [] : [{ kind: 'link', left, operator: comparing, right }]
  }
  const comparison = withValue(left, operator, right, numbers) ?? withValue(right, FLIPPED[operator], left, numbers)
  return comparison === undefined ? [] : [comparison]
}

const LINKS: Readonly<Record<string, LinkOperator>> = {
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
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

function withValue(
  reference: OperationNode,
  name: string | undefined,
  value: OperationNode,
  numbers: ReadonlyMap<OperationNode, number>,
): Comparison | undefined {
  if (!is(reference, 'ReferenceNode') || name === undefined) return undefined
  if (name === 'is' || name === 'is not') {
    if (!isNullLiteral(value)) return undefined
    return { kind: 'value', reference, operator: name === 'is' ? 'is null' : 'is not null', operands: [] }
  }
  if (name === 'in') return inList(reference, listOperands(value, numbers))
  const operator = LINKS[name]
  if (operator === undefined) return undefined
  const single = operand(value, numbers)
  if (single !== undefined) return { kind: 'value', reference, operator, operands: [single] }
  return operator === '=' ? inList(reference, elementsOf(value, numbers)) : undefined
}

function inList(reference: ReferenceNode, operands: readonly Operand[] | undefined): Comparison | undefined {
  return operands && { kind: 'value', reference, operator: 'in', operands }
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

function operand(node: OperationNode, numbers: ReadonlyMap<OperationNode, number>): Operand | undefined {
  if (node.kind !== 'ValueNode') return undefined
  const { value, immediate } = node as ValueNode
  if (immediate === true) return isLiteral(value) ? { kind: 'literal', value } : undefined
  const number = numbers.get(node)
  return number === undefined ? undefined : { kind: 'parameter', number }
}

function listOperands(
  node: OperationNode,
  numbers: ReadonlyMap<OperationNode, number>,
): readonly Operand[] | undefined {
  if (node.kind === 'PrimitiveValueListNode') {
    const first = numbers.get(node)
    if (first === undefined) return undefined
    return (node as PrimitiveValueListNode).values.map((_, index) => ({ kind: 'parameter', number: first + index }))
  }
  if (node.kind !== 'ValueListNode') return undefined
  const operands = (node as ValueListNode).values.map((value) => operand(unwrap(value), numbers))
  return operands.every((known) => known !== undefined) ? operands : undefined
}

/** The array parameter of `= any($1)`, as Kysely's function or as raw SQL. */
function elementsOf(node: OperationNode, numbers: ReadonlyMap<OperationNode, number>): readonly Operand[] | undefined {
  const values =
    node.kind === 'FunctionNode' && (node as FunctionNode).func.toLowerCase() === 'any'
      ? (node as FunctionNode).arguments
      : is(node, 'RawNode') && /^\s*any\s*\( 0 \)\s*$/i.test(node.sqlFragments.join(' 0 '))
        ? node.parameters
        : []
  const [value] = values.map((argument) => operand(unwrap(argument), numbers))
  return values.length === 1 && value?.kind === 'parameter' ? [{ kind: 'elements', number: value.number }] : undefined
}

function isLiteral(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}
