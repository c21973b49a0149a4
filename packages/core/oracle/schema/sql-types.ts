/**
 * The column types of generated tables. Domains are small and dense, so that rows, parameters and joins meet often;
 * each holds the values that break careless comparison: equal values with different text, blanks, NaN, infinity.
 */
export type TypeName = keyof typeof TYPES

export interface SqlType {
  readonly sql: string
  /** Types of one family compare with each other. */
  readonly family: string
  /** Values of rows, as PostgreSQL reads them. */
  readonly values: readonly string[]
  /** Values of parameters, as applications pass them. */
  readonly parameters: readonly unknown[]
  /** Has `=`, and therefore GROUP BY, DISTINCT, UNION and IN. */
  readonly equality: boolean
  /** Has `<`, and therefore ORDER BY. */
  readonly ordered: boolean
  /** Has `min` and `max` on every supported PostgreSQL. */
  readonly extremes: boolean
  /** Equal values may print differently. */
  readonly lossy: boolean
  /** An expression that makes equal values print alike; needed where `lossy`. */
  readonly canonical: 'trim_scale' | 'text' | 'plus zero' | undefined
}

interface Traits {
  readonly family?: string
  readonly equality?: boolean
  readonly ordered?: boolean
  readonly extremes?: boolean
  readonly lossy?: 'trim_scale' | 'text' | 'plus zero'
}

function type(sql: string, values: readonly string[], parameters: readonly unknown[], traits: Traits = {}): SqlType {
  return {
    sql,
    family: traits.family ?? sql,
    values,
    parameters,
    equality: traits.equality ?? true,
    ordered: traits.ordered ?? traits.equality ?? true,
    extremes: traits.extremes ?? false,
    lossy: traits.lossy !== undefined,
    canonical: traits.lossy,
  }
}

const NUMBER: Traits = { family: 'number', extremes: true }
const LONG = 'ab'.repeat(3_000)

const TYPES = {
  int4: type('int4', ['0', '1', '2', '3', '5', '-1'], [0, 1, '2', 3, 5, 2n], NUMBER),
  int2: type('int2', ['0', '1', '2', '7'], [1, '2', 7], NUMBER),
  int8: type('int8', ['1', '2', '9007199254740993'], ['1', 2, 9007199254740993n], NUMBER),
  numeric: type('numeric', ['1', '1.0', '2.5', '2.50', '-0.5', '100', 'NaN'], [1, '1.00', 2.5, '2.5', '100'], {
    ...NUMBER,
    lossy: 'trim_scale',
  }),
  price: type('numeric(8,2)', ['1.00', '2.50', '9.99', '0.00'], [1, '2.5', 9.99, '0'], { ...NUMBER }),
  float8: type('float8', ['0.5', '1', '-0', '0', '2.5', 'Infinity'], [0.5, 1, 0, '2.5', Infinity], {
    ...NUMBER,
    lossy: 'plus zero',
  }),
  float4: type('float4', ['0.5', '1.25', '2'], [0.5, '1.25', 2], NUMBER),
  text: type('text', ['a', 'b', 'A', '', 'ä', "it's", 'a%', ' a', '😀', 'a_b'], ['a', 'b', 'A', '', "it's", 'ä'], {
    family: 'text',
    extremes: true,
  }),
  varchar: type('varchar(20)', ['a', 'b', 'new', 'x\ty', 'NULL'], ['a', 'b', 'new', 'NULL'], {
    family: 'text',
    extremes: true,
  }),
  large: type('text', [`${LONG}1`, `${LONG}2`, 'small'], ['small', `${LONG}1`], { family: 'text', extremes: true }),
  char: type('char(4)', ['a', 'ab', 'ab  ', 'abcd'], ['a', 'ab', 'ab  '], { family: 'char' }),
  insensitive: type('text collate insensitive', ['abc', 'ABC', 'b', 'B'], ['abc', 'ABC', 'b'], {
    family: 'insensitive',
    lossy: 'text',
  }),
  bool: type('bool', ['t', 'f'], [true, false, 'true']),
  date: type('date', ['2024-03-04', '2024-04-03', 'infinity', '2024-02-29'], ['2024-03-04', '2024-04-03'], {
    extremes: true,
  }),
  timestamptz: type(
    'timestamptz',
    ['2024-03-04 05:06:07.123456+00', '2024-04-03 00:00:00+02', '2024-03-04 05:06:07+00', '-infinity'],
    [new Date('2024-03-04T05:06:07Z'), '2024-03-04T06:06:07.123456+01', '2024-04-02 22:00:00Z'],
    { extremes: true },
  ),
  timestamp: type('timestamp', ['2024-03-04 05:06:07', '2024-04-03 01:02:03.5'], ['2024-03-04T05:06:07'], {
    extremes: true,
  }),
  time: type('time', ['01:02:03', '23:59:59.999'], ['01:02:03'], { extremes: true }),
  interval: type('interval', ['1 day', '24:00:00', '1 mon', '30 days', '-01:00'], ['1 day', '24 hours', 'P1M'], {
    lossy: 'text',
  }),
  uuid: type(
    'uuid',
    ['11111111-1111-1111-1111-11111111aaaa', '22222222-2222-2222-2222-22222222bbbb'],
    ['11111111-1111-1111-1111-11111111AAAA', '22222222-2222-2222-2222-22222222bbbb'],
  ),
  jsonb: type(
    'jsonb',
    ['{"a": 1}', '{"a": 1.0}', '{"a": {"b": [1, 2]}, "c": null}', '[1, "x"]', 'null', '"x"'],
    ['{"a":1}', { a: 1 }, '[1,"x"]'],
    { lossy: 'text' },
  ),
  json: type('json', ['{"a":1}', '{"a" : 1}', '{"b":"x"}'], ['{"a":1}'], { equality: false }),
  texts: type('text[]', ['{a,b}', '{}', '{NULL,a}', '{"it\'s","x y"}'], [['a', 'b'], [], ['a', null], '{a,b}']),
  ints: type('int4[]', ['{1,2}', '{}', '{2,3,NULL}', '{{1},{2}}'], [[1, 2], [], '{2,3,NULL}']),
  numerics: type('numeric[]', ['{1,2.5}', '{1.0,2.50}', '{}'], [[1, 2.5], '{1.0,2.50}'], { lossy: 'text' }),
  bytea: type('bytea', ['\\x00ff', '\\x', '\\x6162'], [Buffer.from([0, 255]), Buffer.from('ab')]),
  status: type('order_status', ['new', 'open', 'closed'], ['new', 'open', 'closed'], { extremes: true }),
  positive: type('positive_int', ['0', '1', '2'], [0, '1', 2], { family: 'number', extremes: true }),
  pair: type('pair', ['(1,x)', '(2,)', '(,"a b")'], ['(1,x)'], { equality: false }),
  range: type('int4range', ['[1,5)', 'empty', '[2,)', '[1,4]'], ['[1,5)', '[2,3)', 'empty']),
  inet: type('inet', ['10.0.0.1', '10.0.0.0/8', '::1'], ['10.0.0.1', '10.0.0.0/8']),
  point: type('point', ['(1,2)', '(0,0)'], ['(1,2)'], { equality: false }),
  bits: type('bit(3)', ['101', '000'], ['101']),
} satisfies Record<string, SqlType>

export function sqlType(name: TypeName): SqlType {
  return TYPES[name]
}

export const typeNames = Object.keys(TYPES) as readonly TypeName[]

/** Statements that make the types that PostgreSQL does not bring. */
export const typeDdl: readonly string[] = [
  `create type order_status as enum ('new', 'open', 'closed')`,
  `create domain positive_int as int4 check (value >= 0)`,
  `create type pair as (a int4, b text)`,
  `create collation insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
]
