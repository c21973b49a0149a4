import { createDatabase } from '@pg-realtime/tooling/postgres'
import { expect, test } from 'vitest'
import { SourceHarness } from './capture/source-harness.fixture.js'
import { triggerSource } from './capture/triggers/trigger-source.fixture.js'
import { main } from './cli.js'

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await main(
    args,
    (text) => (out += text),
    (text) => (err += text),
  )
  return { code, out, err }
}

test(`the printed SQL is all that install: 'manual' needs, for a role without any other right`, async () => {
  await using database = await createDatabase({
    setup: `create schema shop; create table shop."odd ""one" (id int, secret text) partition by list (id);
      create table shop.leaf partition of shop."odd ""one" default; create table plain (id int)`,
  })
  const admin = await database.connect()
  const role = `reader_${database.name}`
  await admin.query(`create role ${role} login password 'x'; revoke temporary on database ${database.name} from public`)
  try {
    const { code, out, err } = await run(
      'sql',
      '--url',
      database.connectionString,
      '--reader',
      role,
      '--exclude',
      'shop.odd "one.secret',
      'shop.odd "one',
      'plain',
    )
    expect([code, err]).toEqual([0, ''])
    // Twice: migrations may be run again.
    for (let times = 0; times < 2; times += 1) await admin.query(out)
    const manual = triggerSource({ install: 'manual', installer: () => Promise.reject(new Error('must not install')) })
    const control = await database.connect({ user: role, password: 'x' })
    const source = manual(() => Promise.reject(new Error('must not connect')))
    await source.start(control, { wake: () => {}, onError: () => {} })
    await source.stop()
    await control.query('create temp table t (id int)')
    await using harness = await SourceHarness.open(manual, database)
    await harness.watch('shop."odd ""one"', 'plain')
    await harness.run(`insert into shop.leaf values (1, 'hidden'); insert into plain values (2)`)
    expect((await harness.changes()).map((change) => change.new)).toEqual([{ id: '1' }, { id: '2' }])
  } finally {
    await admin.query(`drop owned by ${role}; drop role ${role}`)
  }
})

test('--no-doorbell is kept in the database', async () => {
  await using database = await createDatabase({ setup: 'create table plain (id int)' })
  const admin = await database.connect()
  await admin.query((await run('sql', '--url', database.connectionString, '--no-doorbell', 'plain')).out)
  await using harness = await SourceHarness.open(triggerSource({ install: 'manual' }), database)
  expect(harness.source.wakefulness?.kind).toBe('polling')
})

test('says what is wrong', async () => {
  await using database = await createDatabase({ setup: 'create view v as select 1' })
  const url = ['--url', database.connectionString]
  expect(await run('sql', ...url, 'missing')).toMatchObject({
    code: 1,
    err: expect.stringContaining('no table "missing"'),
  })
  expect(await run('sql', ...url, 'v')).toMatchObject({ code: 1, err: expect.stringContaining('not a table') })
  expect(await run('sql', ...url)).toMatchObject({ code: 2, err: expect.stringContaining('at least one table') })
  expect(await run('install')).toMatchObject({ code: 2, err: expect.stringContaining('Unknown command: install') })
  expect(await run('sql', '--wrong')).toMatchObject({ code: 2 })
  expect(await run('--help')).toMatchObject({ code: 0, out: expect.stringContaining('Usage') })
  expect(await run('sql', '--url', 'postgres://127.0.0.1:1/x', 't')).toMatchObject({
    code: 1,
    err: expect.stringContaining('ECONNREFUSED'),
  })
})
