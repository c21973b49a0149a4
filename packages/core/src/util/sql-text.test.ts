import { expect, test } from 'vitest'
import { firstKeyword, replaceParameters, sqlTokens } from './sql-text.js'

const marked = (sql: string): string => replaceParameters(sql, (number) => `<${number}>`)

test('parameters are replaced, by number', () => {
  expect(marked('select $1, $12 from t where a=$2 and b in($3,$1)')).toBe(
    'select <1>, <12> from t where a=<2> and b in(<3>,<1>)',
  )
})

test.each([
  ['a string', `select '$1 it''s $2', $1`, `select '$1 it''s $2', <1>`],
  ['a string with a backslash at its end', String.raw`select 'a\', $1, '$2'`, String.raw`select 'a\', <1>, '$2'`],
  ['an escape string', String.raw`select E'\'$1', $1, e'\\', $2`, String.raw`select E'\'$1', <1>, e'\\', <2>`],
  ['an escape string that goes on', `select E'a'\n  'b\\'$1', $1`, `select E'a'\n  'b\\'$1', <1>`],
  ['an escape string that goes on after a comment', `select E'a' -- b\n'\\'$1', $1`, `select E'a' -- b\n'\\'$1', <1>`],
  ['two strings on one line', `select E'a' '\\' , $1`, `select E'a' '\\' , <1>`],
  ['bit, national and unicode strings', `select b'1$1', X'$1', N'$1', U&'\\0061''$1', $1`, undefined],
  ['a quoted name', `select "$1 ""$2", U&"$1", $1`, `select "$1 ""$2", U&"$1", <1>`],
  ['a name with a dollar sign', 'select a$1, é$2, _$3, $1', 'select a$1, é$2, _$3, <1>'],
  ['a dollar-quoted string', 'select $$ $1 $a$ $$, $1', 'select $$ $1 $a$ $$, <1>'],
  ['a tagged dollar-quoted string', 'select $q$ $1 $$ $qq$ $q$, $1', 'select $q$ $1 $$ $qq$ $q$, <1>'],
  ['a name with dollar signs in it', 'select a$$, $1, b$$', 'select a$$, <1>, b$$'],
  ['a line comment', 'select 1 -- $1\n, $1', 'select 1 -- $1\n, <1>'],
  ['a comment right after an operator', 'select 1+--$1\n$1', 'select 1+--$1\n<1>'],
  ['nested comments', 'select /* $1 /* $2 */ $3 */ $1', 'select /* $1 /* $2 */ $3 */ <1>'],
  ['a comment that never ends', 'select $1 /* $2 /* */', 'select <1> /* $2 /* */'],
  ['a string that never ends', `select $1, '$2`, `select <1>, '$2`],
  ['an escape string that never ends', `select $1, E'$2\\'`, `select <1>, E'$2\\'`],
  ['operators around', 'select @$1, -$2, $3::int[], ($4)[$5]', 'select @<1>, -<2>, <3>::int[], (<4>)[<5>]'],
  ['numbers around', 'select 1$1, 1.5e10, 1_000, 0x1F', 'select 1<1>, 1.5e10, 1_000, 0x1F'],
])('parameters are told from %s', (_, sql, expected) => {
  expect(marked(sql)).toBe(expected ?? sql.replace(/\$1$/, '<1>'))
})

test('the tokens joined are the text', () => {
  const sql = `select 'a', "b" , $1 -- c\n/* d */ from e.f where g >= 1.5 and h = any($$i$$::text[]);`
  expect([...sqlTokens(sql)].map((token) => token.text).join('')).toBe(sql)
})

test('tokens have kinds', () => {
  const kinds = [...sqlTokens(`e 'a' "b" $1 1 /*c*/--d\n;$$e$$`)].filter((token) => token.kind !== 'space')
  expect(kinds.map((token) => [token.kind, token.text])).toEqual([
    ['word', 'e'],
    ['string', `'a'`],
    ['identifier', '"b"'],
    ['parameter', '$1'],
    ['number', '1'],
    ['comment', '/*c*/'],
    ['comment', '--d'],
    ['symbol', ';'],
    ['string', '$$e$$'],
  ])
})

test.each([
  ['SELECT 1', 'select'],
  ['  -- insert\n /* update */ ((\nWith x as (select 1) select * from x))', 'with'],
  ['', ''],
  ['-- nothing', ''],
  [`'select'`, ''],
  ['"select" 1', ''],
  [';select 1', ''],
])('the first keyword of %j is %j', (sql, keyword) => {
  expect(firstKeyword(sql)).toBe(keyword)
})

test('long texts take time in proportion to their length', () => {
  const sql = `select ${'a, '.repeat(200_000)} $1 /* ${'x'.repeat(500_000)} */`
  expect(marked(sql).endsWith('*/')).toBe(true)
})

test('a literal of many megabytes is one token', () => {
  const text = 'it is '.repeat(2_000_000)
  for (const sql of [`'${text}'`, `E'${text}'`, `"${text}"`, `$$${text}$$`]) expect([...sqlTokens(sql)]).toHaveLength(1)
})
