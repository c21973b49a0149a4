import type { Random } from '../random.js'

/** Each has the columns link, n, word and day beside its key. */
export interface PartTable {
  readonly name: string
  readonly key: readonly string[]
  /** Literals of a key, out of so few that rows often meet again. */
  readonly values: (random: Random) => readonly string[]
}

const MOODS = ['sad', `it''s "fine"`, 'happy', 'a,b', '{}', '\\']
const WORDS = [`'a'`, `'B'`, `'ä'`, `'a b'`, `'"\\{}'`, `''`, 'null', `'z'`]

export const TABLES: readonly PartTable[] = [
  { name: 'numbers', key: ['id'], values: (random) => [`${random.between(-3, 25)}`] },
  {
    name: 'lines',
    key: ['id', 'line'],
    values: (random) => [`${random.between(1, 6)}`, random.pick(WORDS.slice(0, 6))],
  },
  { name: 'moods', key: ['mood'], values: (random) => [`'${random.pick(MOODS)}'`] },
  {
    name: 'parts',
    key: ['big', 'flag'],
    values: (random) => [`${random.between(1, 9)}000000000`, random.pick(['true', 'false'])],
  },
  { name: 'tokens', key: ['token'], values: (random) => [`md5('${random.between(1, 20)}')::uuid`] },
  { name: 'days', key: ['id'], values: (random) => [`${random.between(1, 20)}`] },
]

const REST = 'link int, n int, word text, day date'

export const DDL: readonly string[] = [
  `create type mood as enum (${MOODS.map((mood) => `'${mood}'`).join(', ')})`,
  `create table numbers (id int primary key, ${REST})`,
  `create table lines (id int, line text collate "C", ${REST}, primary key (id, line))`,
  `create table moods (mood mood primary key, ${REST})`,
  `create table parts (big bigint, flag boolean, ${REST}, primary key (big, flag)) partition by range (big)`,
  'create table parts_low partition of parts for values from (minvalue) to (4000000000)',
  'create table parts_high partition of parts for values from (4000000000) to (maxvalue)',
  `create table tokens (token uuid primary key, ${REST})`,
  `create table days (id smallint primary key, ${REST})`,
]

const rest = (random: Random): Readonly<Record<string, string>> => ({
  link: `${random.between(0, 6)}`,
  n: random.chance(0.1) ? 'null' : `${random.between(0, 6)}`,
  word: random.pick(WORDS),
  day: random.pick(['null', `'2026-01-0${random.between(1, 9)}'`, `'infinity'`, `'2026-12-31'`]),
})

type Kind = 'insert' | 'update' | 'rekey' | 'swap' | 'delete' | 'many'

/** One statement that cannot fail, whatever rows there are. */
export function randomStatement(random: Random, table: PartTable, kind?: Kind): string {
  const { name, key } = table
  const chosen =
    kind ??
    random.weighted<Kind>([
      [4, 'insert'],
      [6, 'update'],
      [2, 'rekey'],
      [1, 'swap'],
      [3, 'delete'],
      [1, 'many'],
    ])
  const values = table.values(random)
  const at = (literals: readonly string[]) => key.map((column, index) => `${column} = ${literals[index]}`).join(' and ')
  const others = rest(random)
  const [column] = random.shuffle(Object.keys(others))
  switch (chosen) {
    case 'insert':
      return `insert into ${name} (${[...key, ...Object.keys(others)].join(', ')})
        values (${[...values, ...Object.values(others)].join(', ')}) on conflict do nothing`
    case 'update':
      return `update ${name} set ${column} = ${others[column!]} where ${at(values)}`
    case 'rekey': {
      const next = table.values(random)
      return `update ${name} set ${key.map((part, index) => `${part} = ${next[index]}`).join(', ')}, n = ${others['n']}
        where ${at(values)} and not exists (select from ${name} where ${at(next)})`
    }
    case 'swap': {
      const next = table.values(random)
      return `update ${name} t set n = o.n, link = o.link, word = o.word from ${name} o
        where ${at(values).replaceAll(/(^| and )/g, '$1t.')} and ${at(next).replaceAll(/(^| and )/g, '$1o.')}`
    }
    case 'delete':
      return `delete from ${name} where ${at(values)}`
    case 'many':
      return `update ${name} set ${column} = ${others[column!]} where n = ${random.between(0, 6)}`
  }
}
