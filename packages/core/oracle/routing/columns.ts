import type { Random } from '../random.js'

/** A kind of column: what rows hold, and what applications pass, which is often the same value written otherwise. */
export interface ColumnKind {
  readonly sql: string
  readonly rows: readonly string[]
  readonly parameters: readonly unknown[]
  /** As a literal in a query. */
  readonly literals: readonly (string | number | boolean)[]
  /** Equal values may print differently. */
  readonly isLossy: boolean
}

/** As many ids as make most instances miss a change of one row. */
export const IDS = Array.from({ length: 24 }, (_, index) => index + 1)

const uuid = (digit: number): string => `${digit}a`.repeat(4) + `-0000-4000-8000-00000000000${digit}`

export const KINDS = {
  id: kind(
    'int4',
    IDS.map(String),
    IDS.flatMap((id) => [id, String(id), BigInt(id)]),
    IDS,
  ),
  group: kind('int4', numbers(14), [...numbers(14), ...numbers(14).map(Number), '03', ' 5 '], numbers(14).map(Number)),
  big: kind('int8', [...numbers(10), '9007199254740993'], [...numbers(10), 3n, 9007199254740993n], [1, 2, 3]),
  number: kind(
    'numeric',
    ['1', '1.0', '2.5', '2.50', '3', '4.00', '-1', '-1.0', '0', '0.00', '7', '10', '1e2', 'NaN'],
    [1, '1.00', 2.5, '2.500', '3.0', 4, '-1', 0, '-0', 7, '10.0', 100, '1e1', 'NaN'],
    [1, 2.5, 3, 7],
    true,
  ),
  text: kind(
    'text',
    [...letters('abcdefghij'), 'A', '', 'a ', "it's"],
    [...letters('abcdefghij'), 'A', '', 'a ', "it's"],
    letters('abc'),
  ),
  short: kind('varchar(8)', [...letters('klmnopq'), 'K', 'true'], [...letters('klmnopq'), 'K', 'true'], letters('kl')),
  uuid: kind(
    'uuid',
    [1, 2, 3, 4, 5, 6, 7].map(uuid),
    [1, 2, 3, 4, 5, 6, 7].flatMap((digit) => [uuid(digit), uuid(digit).toUpperCase(), `{${uuid(digit)}}`]),
    [1, 2].map(uuid),
  ),
  status: kind(
    'route_status',
    ['new', 'open', 'paid', 'sent', 'done'],
    ['new', 'open', 'paid', 'sent'],
    ['new', 'open'],
  ),
  flag: kind('bool', ['t', 'f'], [true, false, 'true', 'f', 'yes'], [true, false]),
  moment: kind(
    'timestamptz',
    ['2024-01-01 00:00+00', '2024-01-02 03:04:05.678901+00', '2024-06-01 12:00+02', '2025-01-01 00:00+00', 'infinity'],
    [
      new Date('2024-01-01T00:00:00Z'),
      '2024-06-01T10:00:00Z',
      '2024-01-02 05:04:05.678901+02',
      '2025-01-01 00:00:00+00',
    ],
    ['2024-06-01 10:00:00+00'],
  ),
} as const satisfies Record<string, ColumnKind>

export type KindName = keyof typeof KINDS

function kind(
  sql: string,
  rows: readonly string[],
  parameters: readonly unknown[],
  literals: ColumnKind['literals'],
  isLossy = false,
): ColumnKind {
  return { sql, rows, parameters, literals, isLossy }
}

function letters(text: string): string[] {
  return text.split('')
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index))
}

export interface RouteColumn {
  readonly name: string
  readonly kind: KindName
}

export interface RouteTable {
  readonly name: string
  readonly columns: readonly RouteColumn[]
  /** Whether `id` is a primary key; without one a row can be there twice. */
  readonly isKeyed: boolean
}

const DATA: readonly KindName[] = ['group', 'big', 'number', 'text', 'short', 'uuid', 'status', 'flag', 'moment']

/** Tables that refer to each other by id and by columns of the same kind, none of it enforced. */
export function makeTables(random: Random): readonly RouteTable[] {
  const shared = random.sample(DATA.slice(0, 6), 2)
  return ['customers', 'orders', 'items', 'products', 'tags'].map((name, index): RouteTable => {
    const own = random.sample(DATA, random.between(3, 5))
    const kinds = [...new Set([...shared, ...own])]
    return {
      name,
      isKeyed: index < 4 || random.chance(0.5),
      columns: [
        { name: 'id', kind: 'id' },
        { name: 'parent', kind: 'id' },
        { name: 'other', kind: 'id' },
        ...kinds.map((kind) => ({ name: `a_${kind}`, kind })),
      ],
    }
  })
}

export function tableDdl({ name, columns, isKeyed }: RouteTable): string {
  const parts = columns.map((column) => `${column.name} ${KINDS[column.kind].sql}`)
  return `create table ${name} (${[...parts, ...(isKeyed ? ['primary key (id)'] : [])].join(', ')})`
}

export const TYPES_DDL = `create type route_status as enum ('new', 'open', 'paid', 'sent', 'done')`
