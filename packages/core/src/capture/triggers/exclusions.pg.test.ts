/** Columns that must stay out of the log stay out of it whatever happens to them. */
import { expect, test } from 'vitest'
import { SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'

const SECRET = 'do-not-log'
const exclude = new Map([['accounts', ['token']]])

async function logged(harness: SourceHarness): Promise<string> {
  const rows = await harness.run(
    'table _pg_realtime.log_0 union all table _pg_realtime.log_1'.replaceAll('table', 'select images::text from'),
  )
  return JSON.stringify(rows)
}

test('one that is added later is kept out from its first row on', async () => {
  await using harness = await SourceHarness.open(triggerSource({ exclude }))
  await harness.run('create table accounts (id int)')
  await harness.watch('accounts')
  await harness.run(`alter table accounts add column token text; insert into accounts values (1, '${SECRET}')`)
  expect(await logged(harness)).not.toContain(SECRET)
  await harness.source.audit(harness.control)
  await harness.drain()
  await harness.run(`insert into accounts values (2, '${SECRET}')`)
  expect((await harness.changes()).map((change) => change.new)).toEqual([{ id: '2' }])
  expect(await logged(harness)).not.toContain(SECRET)
})

test('one that is renamed, or dropped and added again, stays out', async () => {
  await using harness = await SourceHarness.open(triggerSource({ exclude }))
  await harness.run('create table accounts (id int, token text)')
  await harness.watch('accounts')
  await harness.run('alter table accounts rename token to api_token')
  await harness.source.audit(harness.control)
  await harness.run(`insert into accounts values (1, '${SECRET}')`)
  await harness.source.audit(harness.control)
  await harness.run('alter table accounts drop column api_token')
  await harness.source.audit(harness.control)
  await harness.run(`alter table accounts add column token text; update accounts set token = '${SECRET}'`)
  expect(await logged(harness)).not.toContain(SECRET)
})

test('a table that gets the name of one with secrets keeps them out from the next audit on', async () => {
  await using harness = await SourceHarness.open(triggerSource({ exclude }))
  await harness.run('create table users (id int, token text)')
  await harness.watch('users')
  await harness.run('alter table users rename to accounts')
  await harness.source.audit(harness.control)
  await harness.run(`insert into accounts values (1, '${SECRET}')`)
  expect(await logged(harness)).not.toContain(SECRET)
})
