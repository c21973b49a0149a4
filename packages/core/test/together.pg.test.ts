/** Instances of one shape are refreshed by one statement, and each gets the rows that its query alone returns. */
import type { Pool, PoolClient } from 'pg'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { createDatabase } from '@pg-realtime/tooling/postgres'
import { analyze } from '../src/analyze/analyze.js'
import type { Plan } from '../src/analyze/plan.js'
import { Shapes } from '../src/refresh/shape.js'
import { fieldsOf, runQuery, runStatements } from '../src/refresh/run-query.js'
import { togetherForm } from '../src/refresh/together.js'
import { textOf } from '../src/snapshot/content.js'
import { columnTexts, rowEnds } from '../src/snapshot/row-text.js'
import type { RawRow } from '../src/refresh/contract.js'
import type { Together } from '../src/refresh/together.js'
import { parameterText } from '../src/util/parameter-text.js'
import { openShop } from './support/shop.js'

const SCHEMA = `
  create type mood as enum ('sad', 'it''s "fine"', 'happy');
  create domain positive as int check (value > 0);
  create table things (
    id int primary key, owner int, name text, price numeric, made timestamptz, day date, raw bytea, tags text[], counts int[],
    data jsonb, feeling mood, flag boolean, code bpchar(4), rank positive, token uuid, place box
  );
  insert into things select g, g % 7, 'name ' || g % 5, g * 1.50, timestamptz '2026-01-01 00:00Z' + g * interval '1 day',
    date '2026-01-01' + g, decode(lpad(to_hex(g % 4), 2, '0'), 'hex'), array['a"b', null, 'c\\d' || g % 3], array[g % 4, g % 3],
    jsonb_build_object('n', g % 4), (enum_range(null::mood))[1 + g % 3], g % 2 = 0, 'x' || g % 3, 1 + g % 6,
    md5((g % 5)::text)::uuid, box(point(0, 0), point(g % 3, 1)) from generate_series(1, 60) g;
`

const SHAPES: Readonly<Record<string, { readonly sql: string; readonly instances: readonly (readonly unknown[])[] }>> =
  {
    equality: {
      sql: 'select * from things where owner = $1 order by id desc',
      instances: [[1], [6], [null], [99], [1]],
    },
    'no order': { sql: 'select id, name from things where owner = $1', instances: [[3], [0], [-1]] },
    'a limit, an offset and a constant': {
      sql: 'select id, $1 as given from things where owner = $2 order by price desc, id limit $3 offset $4',
      instances: [
        ['x', 1, 2, 1],
        [`it's "{}\\`, 2, 0, 0],
        ['', 3, 5, 0],
        [null, 4, 5, 2],
      ],
    },
    'texts that need quotes, and such that do not': {
      sql: `select t, $1 || t as u, nullif(t, '') as v, array[t, null] as w, row(t, 'x y') as x from unnest(array['', ' ', 'a b', '"', '""', '\\\\',
        '(', 'x)', ')(', ',', e'\\n', 'à', 'Å', e'\\u00a0', e'a\\u0085b', '日本', '"à"', 'null', '{}', null, '€ 5', repeat('long "text", ', 20)])
        with ordinality as l(t, n) order by n`,
      instances: [[''], ['"\\'], ['à'], [null]],
    },
    'columns of one name': {
      sql: 'select id as a, owner as a, 1 as a from things where id = $1',
      instances: [[1], [2], [70]],
    },
    'dates, bytes and booleans': {
      sql: 'select id from things where made >= $1 and raw = $2 and flag = $3 and day > $4 order by id',
      instances: [
        [new Date('2026-01-05T00:00:00Z'), Buffer.from([1]), false, '2026-01-03'],
        [new Date('2026-01-05T00:00:00Z'), new Uint8Array([2]), true, '2026-01-03'],
        ['2026-01-20', Buffer.from([]), true, null],
      ],
    },
    arrays: {
      sql: 'select id from things where owner = any($1) and tags @> $2 and counts && $3 order by id',
      instances: [
        [[1, 2], ['a"b'], [1, 2]],
        [[], [], [0]],
        [
          [3, null],
          [null, 'c\\d0'],
          [0, 1],
        ],
        [null, ['x'], [0]],
      ],
    },
    'other types': {
      sql: 'select id, $1::jsonb as j from things where data @> $1 and feeling = $2 and token = $3 and code = $4 and rank = $5',
      instances: [
        [{ n: 1 }, `it's "fine"`, 'c4ca4238a0b923820dcc509a6f75849b', 'x1', 2],
        [{ n: 2 }, 'happy', 'c81e728d9d4c2f636f067f89cc14862c', 'x2', 3],
        [{}, null, null, null, null],
      ],
    },
    'a list': {
      sql: 'select name from things where owner in ($1, $2) order by name, id',
      instances: [
        [1, 2],
        [3, 3],
        [9, null],
      ],
    },
    'aggregates without a group': {
      sql: 'select count(*), max(price) from things where owner = $1',
      instances: [[1], [99]],
    },
    'groups and windows': {
      sql: `select name, sum(price), row_number() over (order by name) from things where owner >= $1 group by name having count(*) > $2 order by 2`,
      instances: [
        [0, 1],
        [5, 0],
        [9, 0],
      ],
    },
    'set operations': {
      sql: `select id, 'a' as from_where from things where owner = $1 union all select owner, name from things where id = $2 order by 1, 2`,
      instances: [
        [1, 1],
        [2, 60],
        [99, 99],
      ],
    },
    'a CTE and subqueries': {
      sql: `with mine as materialized (select * from things where owner = $1)
      select m.id, (select count(*) from mine x where x.price > m.price) as dearer from mine m
      where exists (select from things t where t.id = m.id + $2) order by m.id -- $9`,
      instances: [
        [1, 1],
        [2, 7],
        [3, 100],
      ],
    },
    'a left join with JSON': {
      sql: `select a.id, (select coalesce(json_agg(b.id order by b.id), '[]') from things b where b.owner = a.owner and b.id > $1) as others
      from things a left join things c on c.id = a.id + 1 and c.owner = $2 where a.id < $3 order by a.id, c.id nulls first`,
      instances: [
        [50, 1, 4],
        [10, 2, 2],
        [0, 0, 0],
      ],
    },
    'distinct on': {
      sql: 'select distinct on (name) name, id, made from things where owner <> $1 order by name, id desc',
      instances: [[1], [2]],
    },
    'an index of an array': {
      sql: 'select ($1::int[])[$2] as it, tags[$2] from things where id = $3',
      instances: [
        [[7, 8], 2, 1],
        [[7], 2, 5],
      ],
    },
  }

test.each(Object.entries(SHAPES))('the same text and types as alone: %s', async (_, shape) => {
  await using database = await createDatabase({ setup: SCHEMA })
  const client = (await database.connect()) as unknown as PoolClient
  const plan = await analyze(client, { sql: shape.sql, node: undefined, scope: {}, dependsOn: [], acceptsTime: false })
  for (const ordered of [undefined, /order by [^)]*$/.test(shape.sql)]) {
    const form = togetherForm({ ...plan, ordered })
    const rows = shape.instances.map((values) =>
      values.map((value, index) => parameterText(value, plan.parameterTypes[index])!),
    )
    const [together] = await runStatements(client, [form!.text(rows)])
    const split = form!.split(together!, rows.length)!
    for (const [index, values] of shape.instances.entries()) {
      const alone = await runQuery(client, shape.sql, values)
      const inOrder = (list: readonly RawRow[]) => (ordered === false ? [...list].map(String).sort() : list)
      expect(inOrder(rowsOf(split, index))).toEqual(inOrder(alone.rows))
      expect(split.fields).toEqual(fieldsOf(alone))
    }
  }
})

function rowsOf({ fields, contents }: Together, index: number): readonly RawRow[] {
  const content = contents[index]!
  if (content.kind === 'rows') return content.rows
  const { text } = textOf({ fields, content, parser: () => String })
  return rowEnds(text).map((_, row, ends) => columnTexts(text, fields.length, row === 0 ? 0 : ends[row - 1]))
}

/** Every statement that the pool's connections send, in order. */
function recordStatements(pool: Pool): string[] {
  const statements: string[] = []
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...parameters: unknown[]) => unknown
    client.query = ((...parameters: unknown[]) => {
      const [config] = parameters as [string | { text: string }]
      statements.push(typeof config === 'string' ? config : config.text)
      return query(...parameters)
    }) as typeof client.query
  })
  return statements
}

test('many instances of a shape need few statements, for their first results and after every change', async () => {
  await using shop = await openShop()
  await shop.run(`insert into users (name, status) select 'user ' || g, 's' || g from generate_series(1, 5000) g`)
  const statements = recordStatements(shop.pool)
  await using realtime = shop.engine()
  const lives = Array.from({ length: 5_000 }, (_, index) =>
    realtime.live(
      shop.db
        .selectFrom('users')
        .select(['id', 'name'])
        .where('status', '=', `s${index + 1}`),
    ),
  )
  await Promise.all(lives.map((live) => live.ready))
  expect(lives.every(({ rows }, index) => rows[0]?.name === `user ${index + 1}`)).toBe(true)
  await realtime.settle()
  // An analysis, and a few messages of growing size a refresh.
  expect(statements.length).toBeLessThan(500)
  statements.length = 0
  await shop.run(`update users set name = name || '!'`)
  await realtime.barrier()
  expect(lives.every(({ rows }, index) => rows[0]?.name === `user ${index + 1}!`)).toBe(true)
  expect(statements.length).toBeLessThan(100)
  expect(realtime.errors).toEqual([])
})

test('an instance that fails does not fail the others of its statement', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  const quotient = (divisor: number) =>
    sql<{ q: number }>`select id / ${sql.val(divisor)}::int as q from orders order by id`
  const failures: string[] = []
  const lives = Array.from({ length: 40 }, (_, index) =>
    realtime.live(quotient(index), { onError: (error) => failures.push(`${index}: ${error.message}`) }),
  )
  const outcomes = await Promise.allSettled(lives.map((live) => live.ready))
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  expect(failures).toEqual([expect.stringMatching(/^0: .*division by zero/s)])
  await shop.run(`insert into orders (id, user_id, code) values (100, 1, 'c')`)
  await realtime.barrier().catch(() => {})
  for (const [index, live] of lives.slice(1).entries())
    expect(live.rows.at(-1)).toEqual({ q: Math.trunc(100 / (index + 1)) })
})

test('an answer that cannot be told apart is thrown away, and its instances are asked for one by one', async () => {
  class Unsplit extends Shapes {
    thrownAway = 0
    override of(plan: Plan) {
      const shape = super.of(plan)
      const split = () => void (this.thrownAway += 1)
      return shape.form ? Object.assign(shape, { form: { ...shape.form, split } }) : shape
    }
  }
  await using shop = await openShop()
  const shapes = new Unsplit(true)
  await using realtime = shop.engine({}, { shapes })
  const lives = [1, 2].map((id) => realtime.live(shop.db.selectFrom('users').select('name').where('id', '=', id)))
  expect(await Promise.all(lives.map(({ ready }) => ready))).toEqual([[{ name: 'Ada' }], [{ name: 'Bob' }]])
  expect(shapes.thrownAway).toBe(1)
  await shop.run(`update users set name = name || '!'`)
  await realtime.barrier()
  expect(lives.map(({ single }) => single)).toEqual([{ name: 'Ada!' }, { name: 'Bob!' }])
  expect(shapes.thrownAway).toBe(1)
  expect(realtime.errors).toEqual([])
})

test('shapes that cannot be run together are run one by one', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine()
  // Outside of any table’s columns, the sum would belong to the statement for all.
  const outer = (n: number) => sql<{ sum: string }>`select sum(${sql.val(n)}::int) as sum from orders`
  const random = (n: number) =>
    sql<{ r: number; n: number }>`select (select random()) as r, ${sql.val(n)}::int as n, count(*) from orders`
  const sums = Array.from({ length: 80 }, (_, index) => realtime.live(outer(index)))
  const randoms = Array.from({ length: 80 }, (_, index) => realtime.live(random(index), { refreshEvery: false }))
  await Promise.all([...sums, ...randoms].map((live) => live.ready))
  await shop.run('insert into orders (user_id, code) values (1, $1)', ['new'])
  await realtime.barrier()
  expect(sums.map((live) => live.single)).toEqual(sums.map((_, index) => ({ sum: String(index * 3) })))
  expect(new Set(randoms.map((live) => live.single?.r)).size).toBe(80)
  expect(realtime.errors).toEqual([])
})

test('a column that changes its type under a prepared statement does not stop its live queries', async () => {
  await using shop = await openShop()
  await using realtime = shop.engine({ auditMs: 60_000 })
  const lives = Array.from({ length: 3 }, (_, index) =>
    realtime.live(shop.db.selectFrom('items').selectAll().where('order_id', '=', index).orderBy('id')),
  )
  await Promise.all(lives.map((live) => live.ready))
  for (const statement of [
    'update items set quantity = 2',
    'alter table items alter quantity type bigint',
    'update items set quantity = 3',
  ]) {
    await shop.run(statement)
    await realtime.barrier()
  }
  expect(lives[1]!.single).toMatchObject({ quantity: '3' })
  expect(realtime.errors).toEqual([])
})

test('prepared statements that the application removes are made again', async () => {
  await using shop = await openShop({ pool: { max: 1 } })
  await using realtime = shop.engine()
  const lives = Array.from({ length: 3 }, (_, index) =>
    realtime.live(shop.db.selectFrom('orders').select('code').where('user_id', '=', index)),
  )
  await Promise.all(lives.map((live) => live.ready))
  for (const code of ['x', 'y', 'z']) {
    await shop.run('update orders set code = $1 where id = 1', [code])
    await realtime.barrier()
    expect(lives[1]!.single).toEqual({ code })
    await shop.pool.query('deallocate all')
  }
  expect(realtime.errors).toEqual([])
})
