/**
 * What PostgreSQL's text output of a value depends on, beside the value. Rows are logged with the settings below, whatever
 * the writer's session has; each of them costs every call some microseconds, so a table has only those that it needs.
 */
import type { CapturedColumn } from './trigger-function.js'

type OutputSetting = keyof typeof VALUES

const VALUES = {
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
} as const
const ALL = Object.keys(VALUES) as OutputSetting[]

/** bool, "char", name, int8, int2, int4, text, oid, json, char(n), varchar, time, numeric, uuid, enums, jsonb */
const PLAIN_TYPES = [16, 18, 19, 20, 21, 23, 25, 26, 114, 1042, 1043, 1083, 1700, 2950, 3500, 3802]
/** Arrays of the most frequent of them: bool, int2, int4, text, varchar, int8, numeric, uuid */
const PLAIN_ARRAYS = [1000, 1005, 1007, 1009, 1015, 1016, 1231, 2951]

/** By type; one that is not listed may contain anything. */
const SETTINGS_OF_TYPE: ReadonlyMap<number, readonly OutputSetting[]> = new Map<number, readonly OutputSetting[]>([
  ...[...PLAIN_TYPES, ...PLAIN_ARRAYS].map((type): [number, readonly OutputSetting[]] => [type, []]),
  [700, ['extra_float_digits']],
  [701, ['extra_float_digits']],
  [1082, ['DateStyle']],
  [1114, ['DateStyle']],
  [1184, ['DateStyle', 'TimeZone']],
  [1186, ['IntervalStyle']],
  [17, ['bytea_output']],
])

/** The settings, each with its value, that the text of these columns depends on. */
export function outputSettings(
  columns: readonly CapturedColumn[],
): readonly (readonly [name: string, value: string])[] {
  const needed = new Set(
    columns.flatMap((column) => (column.virtual ? [] : (SETTINGS_OF_TYPE.get(column.type) ?? ALL))),
  )
  return ALL.filter((name) => needed.has(name)).map((name) => [name, VALUES[name]])
}
