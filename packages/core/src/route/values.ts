import type { ValueKind } from '../analyze/plan.js'

/**
 * Compares values by their text, as far as text tells: the log's (PostgreSQL's output, with pinned settings) and
 * parameters' (anything that PostgreSQL reads). Whatever is written in a less common way is not understood, and
 * `undefined` says so: the value may then be equal to any other.
 */

/** The same text for two values exactly if PostgreSQL takes them for equal. */
export function canonical(kind: ValueKind, text: string): string | undefined {
  return CANONICAL[kind](text)
}

/** Below zero if `left` sorts before `right`. */
export function compare(kind: ValueKind, left: string, right: string): number | undefined {
  // Text sorts by its collation and enums by their declaration, which text alone does not tell.
  if (kind === 'text' || kind === 'enum') return left === right ? 0 : undefined
  const one = canonical(kind, left)
  const other = canonical(kind, right)
  if (one === undefined || other === undefined) return undefined
  if (one === other) return 0
  if (kind === 'number') return compareNumbers(one, other)
  if (kind === 'timestamp' || kind === 'timestamptz') return BigInt(one) < BigInt(other) ? -1 : 1
  return one < other ? -1 : 1
}

const NUMBER = /^\s*([+-]?)0*(\d*)(?:\.(\d*?)0*)?\s*$/
const UUID = /^\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i
const BOOLEANS: Readonly<Record<string, string>> = {
  ...{ t: 'true', true: 'true', yes: 'true', on: 'true', '1': 'true' },
  ...{ f: 'false', false: 'false', no: 'false', off: 'false', '0': 'false' },
}
const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ]\d\d:[\d:.]*\s*(?:Z|[+-][\d:]+)?)?$/
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/

const CANONICAL: Readonly<Record<ValueKind, (text: string) => string | undefined>> = {
  number(text) {
    const match = /\d/.test(text) ? NUMBER.exec(text) : null
    if (!match) return undefined
    const [, sign, whole, fraction] = match
    const digits = `${whole || '0'}${fraction ? `.${fraction}` : ''}`
    return sign === '-' && digits !== '0' ? `-${digits}` : digits
  },
  text: (text) => text,
  enum: (text) => text,
  uuid(text) {
    const match = UUID.exec(text.trim())
    return match ? match.slice(1).join('-').toLowerCase() : undefined
  },
  boolean: (text) => BOOLEANS[text.trim().toLowerCase()],
  date: (text) => DATE.exec(text.trim())?.[1],
  // Without a time zone an offset in the text is read over; with one, the text must have it.
  timestamp: (text) => microseconds(text, false),
  timestamptz: (text) => microseconds(text, true),
}

function microseconds(text: string, hasZone: boolean): string | undefined {
  const match = TIMESTAMP.exec(text.trim())
  if (!match) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = match
  // Years before 100 are other years to `Date`.
  if ((hasZone && zone === undefined) || +year! < 100) return undefined
  const clock = Date.UTC(+year!, +month! - 1, +day!, +hour, +minute, +second)
  const offset = hasZone && zone !== 'Z' ? offsetMinutes(zone!) : 0
  return String(BigInt(clock - offset * 60_000) * 1000n + BigInt(fraction.padEnd(6, '0')))
}

function offsetMinutes(zone: string): number {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone)!
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}

/** Both in canonical form. */
function compareNumbers(one: string, other: string): number {
  const isNegative = one.startsWith('-')
  if (isNegative !== other.startsWith('-')) return isNegative ? -1 : 1
  const absolute = compareDigits(one.replace('-', ''), other.replace('-', ''))
  return isNegative ? -absolute : absolute
}

function compareDigits(one: string, other: string): number {
  const [whole = '', fraction = ''] = one.split('.')
  const [otherWhole = '', otherFraction = ''] = other.split('.')
  if (whole.length !== otherWhole.length) return whole.length - otherWhole.length
  if (whole !== otherWhole) return whole < otherWhole ? -1 : 1
  return fraction < otherFraction ? -1 : 1
}

const NUMERIC_TYPES = new Set(['smallint', 'integer', 'bigint', 'numeric'])
const KINDS: Readonly<Record<string, ValueKind>> = {
  text: 'text',
  'character varying': 'text',
  uuid: 'uuid',
  boolean: 'boolean',
  date: 'date',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
}

/** Whether values of a column and a parameter of this type compare as two values of the column's kind do. */
export function comparesAs(kind: ValueKind, columnType: string, parameterType: string | undefined): boolean {
  if (parameterType === undefined) return false
  if (kind === 'number') return NUMERIC_TYPES.has(parameterType)
  if (kind === 'enum') return parameterType === columnType
  return KINDS[parameterType] === kind
}
