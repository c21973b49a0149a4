import type { Random } from '../random.js'
import type { Names } from './names.js'
import { identifier, literal, qualified, type Column, type Relation } from './schema.js'
import { sqlType, typeNames, type TypeName } from './sql-types.js'

/** Types weigh as applications use them; the rare ones still come up in most schemas. */
const COMMON: readonly TypeName[] = [
  'int4',
  'int4',
  'text',
  'text',
  'bool',
  'numeric',
  'timestamptz',
  'status',
  'price',
]

export function dataColumns(random: Random, names: Names, count: number): Column[] {
  return names.columns(count).map((name) => {
    const type = random.chance(0.55) ? random.pick(COMMON) : random.pick(typeNames)
    return { name, type, notNull: random.chance(0.3), generated: false }
  })
}

/** Identifiers are few, so that rows come back under keys that were deleted, and references find their rows. */
export const KEY_DOMAIN = ['1', '2', '3', '4', '5', '6', '7', '8', '9'] as const

export function keyColumn(name: string, type: TypeName): Column {
  const domain =
    type === 'numeric' ? ['1', '1.0', '2', '2.00', '3'] : type === 'uuid' || type === 'text' ? undefined : KEY_DOMAIN
  return { name, type, notNull: true, generated: false, ...(domain ? { domain } : {}) }
}

/** A nullable column that refers to the single-column key of `target`. */
export function referenceColumn(random: Random, target: Relation, index: number): Column {
  const column = target.columns.find((candidate) => candidate.name === target.key[0]) as Column
  return {
    name: random.chance(0.8) ? `ref${index}_id` : `Ref ${index}`,
    type: column.type,
    notNull: false,
    generated: false,
    references: { schema: target.schema, name: target.name, column: column.name },
  }
}

export function referenceDdl(random: Random, column: Column): string {
  if (!column.references) return ''
  const { references } = column
  const onDelete = random.pick(['cascade', 'cascade', 'set null', 'set default'])
  const deferred = random.pick(['', '', ' deferrable', ' deferrable initially deferred'])
  return ` references ${qualified(references)} (${identifier(references.column)}) on delete ${onDelete} on update cascade${deferred}`
}

export function columnDdl(random: Random, column: Column): string {
  const fallback =
    column.references || column.notNull || random.chance(0.85) ? '' : ` default ${literal(anyValue(random, column))}`
  const notNull = column.notNull ? ' not null' : ''
  return `${identifier(column.name)} ${sqlType(column.type).sql}${fallback}${notNull}${referenceDdl(random, column)}`
}

function anyValue(random: Random, column: Column): string {
  return random.pick(columnValues(column))
}

export function columnValues(column: Column): readonly string[] {
  return column.domain ?? sqlType(column.type).values
}

/** A value for a write, now and then NULL where that is allowed. */
export function writtenValue(random: Random, column: Column): string | null {
  return !column.notNull && random.chance(0.2) ? null : anyValue(random, column)
}
