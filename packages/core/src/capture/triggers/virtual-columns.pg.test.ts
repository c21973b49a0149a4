/** Columns that are computed when they are read (PostgreSQL 18): a trigger has no value of them, and may not even ask. */
import { expect, test, type TestContext } from 'vitest'
import { SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'
import type { TriggerSource } from './trigger-source.js'

type Skip = TestContext['skip']

async function watching(skip: Skip, setup: string, exclude?: readonly string[]): Promise<SourceHarness<TriggerSource>> {
  const harness = await SourceHarness.open(
    triggerSource({ ...(exclude && { exclude: new Map([['films', exclude]]) }) }),
  )
  const [server] = await harness.run(`select current_setting('server_version_num')::int >= 180000 as knows`)
  if (server?.['knows'] !== true) {
    await harness[Symbol.asyncDispose]()
    skip('virtual generated columns came with PostgreSQL 18')
  }
  await harness.run(setup)
  await harness.watch('films')
  return harness
}

const FILMS = `create table films (id int, doubled int generated always as (id * 2), plot text,
  opening text generated always as (substr(plot, 1, 5)), price numeric)`

test('beside a large value', async ({ skip }) => {
  await using harness = await watching(skip, FILMS)
  await harness.run(`insert into films values (1, default, repeat('x', 9000), default, 1); update films set price = 2`)
  const [inserted, updated] = await harness.changes()
  expect(inserted).toMatchObject({ kind: 'insert', new: { id: '1', doubled: null, opening: null, price: '1' } })
  expect(updated).toMatchObject({ kind: 'update', old: { price: '1' }, new: { price: '2' } })
  expect(updated?.hashed?.toSorted()).toEqual(['doubled', 'opening', 'plot'])
  expect(harness.errors).toEqual([])
})

test('beside an excluded column', async ({ skip }) => {
  await using harness = await watching(skip, FILMS, ['price'])
  await harness.run(`insert into films values (1, default, 'once upon', default, 1)`)
  expect(await harness.changes()).toEqual([
    {
      kind: 'insert',
      table: 'films',
      new: { id: '1', doubled: null, plot: 'once upon', opening: null },
      hashed: ['doubled', 'opening', 'price'],
    },
  ])
  expect(harness.errors).toEqual([])
})
