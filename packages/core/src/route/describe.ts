import type { Operand } from '../analyze/plan.js'
import type { RouteExplanation } from '../live/contract.js'
import type { Unasked } from './unasked.js'
import type { Way } from './way.js'

/** One way into a shape, in words. */
export function describeWay(way: Way, unasked: Unasked): RouteExplanation {
  const base = { table: way.table.label, alias: way.alias }
  switch (way.kind) {
    case 'every':
      return { ...base, by: 'every', on: [], because: way.reason }
    case 'values': {
      const looked = way.slots.map(({ column, operands }) => `${way.alias}.${column} ${operandsText(operands)}`)
      const checked = [...way.constants, ...way.checks].map(({ column, operator, operands }) =>
        [`${way.alias}.${column}`, operator, ...operands.map(operandText)].join(' '),
      )
      return { ...base, by: 'values', on: [...looked, ...checked], because: undefined }
    }
    case 'join': {
      const because = unasked.reason(way)
      const on = way.slots.map(({ at, operands }) => {
        const alias = way.partners[at.partner]?.alias ?? way.alias
        return `${alias}.${at.column} ${operandsText(operands)}`
      })
      return { ...base, by: because === undefined ? 'join' : 'every', on, because }
    }
  }
}

function operandsText(operands: readonly Operand[]): string {
  const [operand] = operands
  if (operands.length === 1 && operand && operand.kind !== 'elements') return `= ${operandText(operand)}`
  return `in (${operands.map(operandText).join(', ')})`
}

function operandText(operand: Operand): string {
  if (operand.kind === 'literal') return JSON.stringify(operand.value)
  return operand.kind === 'elements' ? `$${operand.number}[]` : `$${operand.number}`
}
