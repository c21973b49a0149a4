import { expect, test } from 'vitest'
import { SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'

const NAMES = ['DateStyle', 'TimeZone', 'IntervalStyle', 'bytea_output', 'extra_float_digits']
const HOSTILE = `set datestyle = 'SQL, DMY'; set timezone = 'Asia/Tokyo'; set intervalstyle = 'iso_8601';
  set bytea_output = 'escape'; set extra_float_digits = -10`
const PINNED = `set datestyle = 'ISO, MDY'; set timezone = 'UTC'; set intervalstyle = 'postgres';
  set bytea_output = 'hex'; set extra_float_digits = 1`

/** Each alone in its table: no other column may bring the settings that it needs. */
const TYPES: Readonly<Record<string, string>> = {
  date: `'2026-04-03'`,
  timestamp: `'2026-04-03 12:00'`,
  timestamptz: `'2026-04-03 12:00+00'`,
  timetz: `'12:00+02'`,
  time: `'12:00:30.5'`,
  interval: `'1 month 2 days 03:00'`,
  bytea: `'\\x00ff41'`,
  float4: '0.3',
  float8: '0.1::float8 + 0.2',
  point: `point(0.1::float8 + 0.2, 1)`,
  money: '12',
  tstzrange: `'[2026-04-03 12:00+00,)'`,
  'date[]': `'{2026-04-03}'`,
  'float8[]': 'array[0.1::float8 + 0.2]',
  moment: `row('2026-04-03', 0.1::float8 + 0.2)`,
  since: `'2026-04-03'`,
  mood: `'good'`,
  json: `'{"a": 1.10}'`,
  jsonb: `'{"a": 1.10}'`,
  numeric: '1.50',
  'int[]': `'{1,NULL}'`,
  uuid: `'365e4223-a752-4cf8-acba-f8a69b1b7ebf'`,
  xml: `'<a/>'`,
}

async function typed(): Promise<SourceHarness> {
  const harness = await SourceHarness.open(triggerSource())
  await harness.run(
    `create type moment as (day date, x float8); create domain since as date; create type mood as enum ('good')`,
  )
  return harness
}

async function settingsOf(harness: SourceHarness): Promise<unknown> {
  const rows = await harness.run(`select ${NAMES.map((name) => `current_setting('${name}') as ${name}`).join(', ')}`)
  return rows
}

test('a value of each type is logged as the same text, whatever the session has set', async () => {
  await using harness = await typed()
  const types = Object.keys(TYPES)
  await harness.run(types.map((type, index) => `create table t${index} (v ${type}, w text)`).join(';'))
  await harness.watch(...types.map((_, index) => `t${index}`))
  for (const [index, type] of types.entries()) {
    await harness.run(
      `${PINNED}; insert into t${index} values (${TYPES[type]}, repeat('x', 9000)), (${TYPES[type]}, '')`,
    )
    const [{ text }] = (await harness.run(`select format('%s', v) as text from t${index} limit 1`)) as [
      { text: string },
    ]
    await harness.run(`${HOSTILE}; update t${index} set w = 'plain'; update t${index} set w = repeat('y', 9000)`)
    const changes = await harness.changes()
    expect(changes, type).toHaveLength(6)
    for (const change of changes) for (const row of [change.old, change.new]) if (row) expect(row['v'], type).toBe(text)
  }
  expect(harness.errors).toEqual([])
})

test(`the session's settings stay as they are, in and after its transaction`, async () => {
  await using harness = await typed()
  await harness.run('create table moments (at timestamptz, day date, span interval, bytes bytea, x float8)')
  await harness.watch('moments')
  const write = `insert into moments values (now(), now(), '1 day', 'a', 0.5)`
  for (const setting of [
    HOSTILE,
    `set time zone interval '-08:30' hour to minute`,
    `set timezone = '<+03>-03'; set datestyle = 'German'`,
    `begin; ${HOSTILE}; set local timezone = 'America/Lima'`,
    `begin; ${HOSTILE}; savepoint s; set timezone = 'America/Lima'`,
  ]) {
    await harness.run(PINNED)
    await harness.run(setting)
    const before = await settingsOf(harness)
    await harness.run(`${write}; update moments set x = 1; delete from moments; delete from moments`)
    expect(await settingsOf(harness), setting).toEqual(before)
    const [{ after }] = (await harness.run(
      `${setting.startsWith('begin') ? 'commit;' : ''} select current_setting('TimeZone') as after`,
    )) as [{ after: string }]
    if (setting.includes('set local')) expect(after).toBe('Asia/Tokyo')
    else expect([{ ...(before as [object])[0], timezone: after }]).toEqual(before)
    expect((await harness.changes()).map(({ kind }) => kind)).toEqual(['insert', 'update', 'delete'])
  }
  expect(harness.errors).toEqual([])
})

test('the settings are back after a row that could not be written', async () => {
  await using harness = await typed()
  await harness.run(`create table moods (at timestamptz, mood mood); insert into moods values (now(), 'good');
    delete from pg_enum where enumlabel = 'good'`)
  await harness.watch('moods')
  await harness.run(HOSTILE)
  const before = await settingsOf(harness)
  await harness.run('update moods set at = now()')
  expect(await settingsOf(harness)).toEqual(before)
  expect(await harness.changes()).toEqual([{ kind: 'bulk', table: 'moods' }])
})
