import type { ComparableColumn, Condition, Operand, ValueKind } from '../analyze/plan.js'
import type { RowChange, TextRow } from '../change.js'
import { parameterValue } from '../util/parameter-text.js'
import { canonical, compare, comparesAs } from './values.js'

/** A value's text; null for NULL; undefined where it is not known. */
export type KnownText = string | null | undefined

/** A column's value in one image of a row; not known if the log does not carry it. */
export function imageValue(change: RowChange, image: TextRow, column: string): KnownText {
  return change.hashed.has(column) ? undefined : image[column]
}

/** The values that an operand stands for; undefined where they are not known. */
export function operandValues(operand: Operand, parameters: readonly unknown[]): readonly KnownText[] {
  if (operand.kind === 'literal') return [operand.value === null ? null : String(operand.value)]
  const value = parameters[operand.number - 1]
  if (operand.kind === 'parameter') return [knownText(value)]
  if (value === null || value === undefined) return [null]
  // ANY looks through an array of arrays, whose text is no element's.
  return Array.isArray(value)
    ? value.map((element) => (Array.isArray(element) ? undefined : knownText(element)))
    : [undefined]
}

function knownText(value: unknown): KnownText {
  const prepared = parameterValue(value)
  return typeof prepared === 'string' || prepared === null ? prepared : undefined
}

/** Whether every operand can be compared with the column by text; a test for NULL compares with none. */
export function isComparable(
  { operands }: Condition,
  column: ComparableColumn | undefined,
  parameterTypes: readonly string[],
): boolean {
  if (operands.length === 0) return true
  const kind = column?.valueKind ?? null
  if (!column || kind === null) return false
  return operands.every((operand) => {
    if (operand.kind === 'literal') return isLiteralOf(kind, operand.value)
    const type = parameterTypes[operand.number - 1]
    return comparesAs(kind, column.type, operand.kind === 'elements' ? type?.replace(/\[\]$/, '') : type)
  })
}

/**
 * A literal without quotes has a type of its own. One in quotes has that of what it is compared with, which need not be the
 * column's: a union makes moments of dates.
 */
function isLiteralOf(kind: ValueKind, value: unknown): boolean {
  if (typeof value === 'number') return kind === 'number'
  if (typeof value === 'boolean') return kind === 'boolean'
  return !TIMES.has(kind)
}

const TIMES: ReadonlySet<ValueKind> = new Set(['date', 'timestamp', 'timestamptz'])

/** Whether a value certainly fails a condition; what is not known for sure does not. */
export function fails(
  { operator, operands }: Condition,
  { valueKind: kind }: ComparableColumn,
  value: KnownText,
  parameters: readonly unknown[],
): boolean {
  if (value === undefined) return false
  if (operator === 'is null') return value !== null
  if (value === null) return true
  if (operator === 'is not null') return false
  if (kind === null) return false
  return !operands
    .flatMap((operand) => operandValues(operand, parameters))
    .some((operand) => {
      if (operand === null) return false
      if (operand === undefined) return true
      if (operator === 'in' || operator === '=' || operator === '<>') {
        const one = canonical(kind, value)
        const other = canonical(kind, operand)
        return one === undefined || other === undefined || (one === other) === (operator !== '<>')
      }
      const order = compare(kind, value, operand)
      return order === undefined || HOLDS[operator](order)
    })
}

const HOLDS: Readonly<Record<'<' | '<=' | '>' | '>=', (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}
