import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ConnectionLostError,
  InvalidOptionError,
  MissingObjectError,
  NotASelectError,
  OpaqueFunctionError,
  PermissionDeniedError,
  QueryFailedError,
  QuerySyntaxError,
  RealtimeError,
  TimeDependentQueryError,
  UnwatchableRelationError,
} from '../errors.js'
import { openAnalysisShop, planOf, tablesOf, type AnalysisShop } from './analyze.fixture.js'

let shop: AnalysisShop

beforeAll(async () => {
  shop = await openAnalysisShop(`
create materialized view best as select id from products;
create view over_best as select id from best;
create sequence counter;
create foreign data wrapper nowhere;
create server files foreign data wrapper nowhere;
create foreign table imported (id int) server files;
create table logs (id int) partition by range (id);
create foreign table logs_imported partition of logs for values from (1) to (9) server files;
create function opaque_sql() returns bigint stable language sql as 'select count(*) from orders';
create function opaque_plpgsql(int) returns bigint language plpgsql as 'begin return (select count(*) from items); end';
create function trusted(int) returns int immutable language plpgsql as 'begin return $1; end';
create function calls_opaque() returns bigint begin atomic select opaque_sql(); end;
create function calls_now() returns timestamptz begin atomic select now(); end;
create function only_named_volatile() returns bigint volatile begin atomic select count(*) from orders; end;
create function writes() returns bigint begin atomic insert into categories values (1, 1, 'x'); select 1::bigint; end;
create view opaque_view as select opaque_sql() as n;
create function opaque_add(bigint, int) returns bigint stable language plpgsql as 'begin return $1; end';
create aggregate opaque_sum(int) (sfunc = opaque_add, stype = bigint);
`)
})

afterAll(() => shop?.[Symbol.asyncDispose]())

type ErrorClass = abstract new (...args: never[]) => RealtimeError

async function refusal(sql: string, options: Parameters<AnalysisShop['plan']>[1] = {}): Promise<RealtimeError> {
  try {
    await shop.plan(sql, options)
  } catch (error) {
    if (error instanceof RealtimeError) return error
    throw error
  }
  throw new Error(`not refused: ${sql}`)
}

test.each([
  'insert into orders select * from orders',
  'update orders set note = null',
  'DELETE FROM orders',
  'truncate orders',
  'create table x (id int)',
  'explain select 1',
  'show all',
  'call nothing()',
  'with x as (select 1) insert into orders select * from orders',
  'with x as (select 1) update orders set note = $1 returning id',
  'with x as (delete from orders returning *) select * from x',
  'with x as (insert into categories values (1, 1, $1) returning *) select count(*) from x',
  'select * from orders for update',
  'select * from orders o join items i on true for share of i',
  'select id from (select id from orders for no key update) o',
  'select writes()',
  '',
  '-- nothing',
  ';',
])('only what reads can be live: %s', async (sql) => {
  expect(await refusal(sql)).toBeInstanceOf(NotASelectError)
})

test.each<[string, ErrorClass, RegExp]>([
  ['selec id from orders', QuerySyntaxError, /at or near "selec"[^]*Correct its text/],
  ['select id from orders where', QuerySyntaxError, /end of input/],
  ['select 1; select 2', QuerySyntaxError, /multiple commands/],
  ['select 1; end; drop table orders', QuerySyntaxError, /multiple commands/],
  ['select id from orders, items', QuerySyntaxError, /ambiguous/],
  ['select id, count(*) from items', QuerySyntaxError, /GROUP BY/],
  ['select $2::int', QuerySyntaxError, /parameter \$1[^]*Say the parameter's type/],
  [`select id from orders where note = 'x`, QuerySyntaxError, /unterminated/],
  ['select * into copy from orders', QuerySyntaxError, /into copy/],
  ['select * from missing', MissingObjectError, /"missing"[^]*Check the spelling/],
  ['select nothing from orders', MissingObjectError, /"nothing"/],
  ['select o.nothing from orders o', MissingObjectError, /nothing/],
  ['select missing(1)', MissingObjectError, /missing\(integer\)/],
  ['select * from missing.orders', MissingObjectError, /missing/],
  ['select $1::missing', MissingObjectError, /"missing"/],
  [`select 'x'::int`, QueryFailedError, /invalid input syntax[^]*Check the query's parameters/],
])('%s', async (sql, type, message) => {
  const error = await refusal(sql)
  expect(error).toBeInstanceOf(type)
  expect(error.message).toMatch(message)
  expect(error.message).toContain(sql)
  expect(error.cause).toHaveProperty('code')
})

test.each([
  ['select opaque_sql()', ['public.opaque_sql()']],
  ['select opaque_plpgsql(id) + opaque_sql() from orders', ['public.opaque_plpgsql(integer)', 'public.opaque_sql()']],
  ['select calls_opaque()', ['public.opaque_sql()']],
  ['select * from opaque_view', ['public.opaque_sql()']],
  ['select opaque_sum(id) from orders', ['public.opaque_add(bigint,integer)']],
  [`select query_to_xml('select * from orders', true, true, '')`, ['query_to_xml(text,boolean,boolean,text)']],
  [`select table_to_xml('orders', true, true, '')`, ['table_to_xml(regclass,boolean,boolean,text)']],
])('an opaque function is named, and dependsOn suggested: %s', async (sql, functions) => {
  const error = await refusal(sql)
  expect(error).toBeInstanceOf(OpaqueFunctionError)
  expect((error as OpaqueFunctionError).functions.toSorted()).toEqual(functions)
  expect(error.message).toMatch(/dependsOn: \['orders'\]/)
  for (const name of functions) expect(error.message).toContain(name)
})

test('dependsOn declares what opaque functions read, by every column', async () => {
  const plan = await shop.plan('select id, opaque_plpgsql(1) from users', {
    dependsOn: ['items', 'audit.entries', 'orders'],
  })
  expect(plan.opaqueFunctions).toEqual(['public.opaque_plpgsql(integer)'])
  expect(plan.timeDependent).toEqual([])
  expect(tablesOf(plan)).toEqual({ 'audit.entries': 'all', items: 'all', orders: 'all', users: ['id'] })
})

test('dependsOn follows views, and refuses what does not exist or cannot be watched', async () => {
  expect(await refusal('select opaque_sql()', { dependsOn: ['nowhere'] })).toMatchObject({
    constructor: MissingObjectError,
    message: expect.stringContaining('"nowhere"') as string,
  })
  expect(await refusal('select opaque_sql()', { dependsOn: ['best'] })).toBeInstanceOf(UnwatchableRelationError)
})

test('an immutable function is trusted, whatever its language', async () => {
  expect(tablesOf(await shop.plan('select trusted(id) from orders'))).toEqual({ orders: ['id'] })
})

test.each([
  ['select * from best', ['best']],
  ['select * from over_best', ['best']],
  ['select * from imported', ['imported']],
  ['select * from logs', ['logs_imported']],
  ['select last_value from counter', ['counter']],
  ['select relname from pg_class', ['pg_catalog.pg_class']],
  ['select * from information_schema.tables', ['information_schema.tables']],
])('what fires no triggers is refused, unless time may refresh: %s', async (sql, relations) => {
  const error = await refusal(sql)
  expect(error).toBeInstanceOf(UnwatchableRelationError)
  expect((error as UnwatchableRelationError).relations).toEqual(relations)
  expect(error.message).toMatch(/refreshEvery/)
  expect((await shop.plan(sql, { acceptsTime: true })).unwatchable).toEqual(relations)
})

test.each([
  ['select now()', ['now()']],
  ['select id from orders where placed_at > now() - $1::interval', ['now()']],
  ['select transaction_timestamp(), statement_timestamp()', ['statement_timestamp()', 'transaction_timestamp()']],
  ['select clock_timestamp(), timeofday()', ['clock_timestamp()', 'timeofday()']],
  ['select current_date', ['current_date']],
  ['select current_time, current_time(2)', ['current_time']],
  ['select current_timestamp, current_timestamp(2)', ['current_timestamp']],
  ['select localtime, localtime(2), localtimestamp, localtimestamp(2)', ['localtime', 'localtimestamp']],
  ['select age(placed_at) from orders', ['age(timestamp with time zone)']],
  ['select random()', ['random()']],
  ['select gen_random_uuid()', ['gen_random_uuid()']],
  [`select nextval('counter')`, ['nextval(regclass)']],
  ['select pg_current_snapshot()', ['pg_current_snapshot()']],
  ['select id from orders tablesample bernoulli (10)', ['tablesample']],
  ['select calls_now()', ['now()']],
  [`select id from orders where placed_at > 'today'`, [`'today'`]],
  [`select id from orders where placed_at > timestamptz 'Yesterday 10:00'`, [`'Yesterday 10:00'`]],
  [
    `select (select count(*) filter (where o.placed_at < now()) from orders o) from users order by random()`,
    ['now()', 'random()'],
  ],
])('what changes with time is refused, unless it may: %s', async (sql, functions) => {
  const error = await refusal(sql)
  expect(error).toBeInstanceOf(TimeDependentQueryError)
  expect((error as TimeDependentQueryError).functions.toSorted()).toEqual(functions)
  expect(error.message).toMatch(/refreshEvery/)
  expect((await shop.plan(sql, { acceptsTime: true })).timeDependent.toSorted()).toEqual(functions)
})

test.each([
  `select json_agg(o), concat(1, 'a'), row_to_json(o) from orders o group by o`,
  `select current_user, session_user, current_setting('TimeZone'), current_catalog, current_schema`,
  'select age(placed_at, $1) from orders',
  'select date_trunc($1, placed_at), extract(year from placed_at) from orders',
  'select to_char(placed_at, $1), placed_at::text, placed_at::date from orders',
  `select id from orders where placed_at > '2024-01-01' and placed_at < $1`,
  `select id from orders where status = 'today'`,
  'select id from orders tablesample bernoulli (10) repeatable (1)',
  'select only_named_volatile()',
  'select has_table_privilege($1, $2)',
  'select make_interval(days => $1)',
])('what only the scope or the tables decide does not depend on time: %s', async (sql) => {
  expect((await shop.plan(sql)).timeDependent).toEqual([])
})

test('a refused query leaves neither a transaction nor a prepared statement behind', async () => {
  for (const sql of ['select now()', 'selec', 'select missing', 'select opaque_sql()', 'select 1'])
    await shop.plan(sql).catch(() => {})
  const { rows } = await shop.client.query(`
    select now() = statement_timestamp() as "isOutside", (select count(*)::int from pg_prepared_statements) as prepared,
      (select count(*)::int from pg_proc where proname like '\\_pg\\_realtime%') as functions, current_setting('search_path') as path`)
  expect(rows).toEqual([{ isOutside: true, prepared: 0, functions: 0, path: '"$user", public' }])
})

test('a lost connection is told as such', async () => {
  const client = await shop.database.connect()
  await shop.client.query('select pg_terminate_backend($1)', [(client as unknown as { processID: number }).processID])
  await expect(planOf(client, 'select 1')).rejects.toBeInstanceOf(ConnectionLostError)
})

test('a table under an exclusive lock is waited for, but not for long', async () => {
  await using other = await openAnalysisShop()
  const migration = await other.database.connect()
  await migration.query('begin; lock table orders')
  await expect(other.plan('select id from orders', { lockTimeoutMs: 20 })).rejects.toThrow(/locked by somebody else/)
  await migration.query('rollback')
  await expect(other.plan('select id from orders', { lockTimeoutMs: 20 })).resolves.toBeDefined()
})

test('fault 14: an open writer does not delay the analysis, and the analysis does not delay writers', async () => {
  const writer = await shop.database.connect()
  await writer.query('begin; update orders set note = null')
  await expect(shop.plan('select * from orders', { lockTimeoutMs: 20 })).resolves.toBeDefined()
  await writer.query('rollback')
  await writer.end()
})

test('settings and roles of a scope that do not work are told with what to do', async () => {
  for (const settings of [{ nonsense: '1' }, { statement_timeout: 'soon' }]) {
    const error = await refusal('select 1', { scope: { settings } })
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error.message).toMatch(/cannot be set.*Correct it/)
  }
  const error = await refusal('select 1', { scope: { role: 'nobody at all' } })
  expect(error).toBeInstanceOf(MissingObjectError)
  expect(error.message).toMatch(/"nobody at all".*Create it/)
})

test('a right that is missing is named with its GRANT', async () => {
  const suffix = shop.database.name
  const reader = `reader_${suffix}`
  const app = `app_${suffix}`
  await shop.client.query(`
    create role ${app} login password 'x'; create role ${reader};
    grant select (id, status) on orders to ${reader}; grant select on users to ${reader};
    revoke temporary on database ${suffix} from public`)
  const client = await shop.database.connect({ user: app, password: 'x' })
  const refused = (sql: string, role?: string): Promise<string> =>
    planOf(client, sql, { scope: role === undefined ? {} : { role } }).then(
      () => 'not refused',
      (error: unknown) => (error instanceof PermissionDeniedError ? error.message : String(error)),
    )
  try {
    expect(await refused('select 1')).toMatch(/GRANT TEMPORARY ON DATABASE/)
    await shop.client.query(`grant temporary on database ${suffix} to ${app}`)
    expect(await refused('select 1', reader)).toMatch(new RegExp(`GRANT "${reader}" TO`))
    await shop.client.query(`grant ${reader} to ${app}`)
    expect(await refused('select note, status from orders', reader)).toMatch(
      new RegExp(`\\(note\\): GRANT SELECT ON "public"."orders" TO "${reader}"`),
    )
    expect(await refused('select count(*) from items', reader)).toMatch(/table items: GRANT SELECT/)
    expect(await refused('select * from audit.entries', reader)).toMatch(/schema audit/)
    expect(await refused('select id from orders where status = $1', reader)).toBe('not refused')
    expect(await refused('select count(*) from orders', reader)).toBe('not refused')
    expect(await refused('select * from users', reader)).toBe('not refused')
  } finally {
    await client.end()
    await shop.client.query(
      `drop owned by ${reader}, ${app}; drop role ${reader}, ${app}; grant temporary on database ${suffix} to public`,
    )
  }
})
