/** Which batch a change is in, whoever writes and whoever else reads. */
import { expect, test } from 'vitest'
import type { Open } from './conformance.fixture.js'
import type { SourceHarness } from './source-harness.fixture.js'

export function timingCases(open: Open, another: (harness: SourceHarness) => Promise<SourceHarness>): void {
  const items = async (): Promise<SourceHarness> => {
    const harness = await open()
    await harness.run('create table items (id int)')
    await harness.watch('items')
    return harness
  }
  const ids = async (harness: SourceHarness): Promise<string[]> =>
    (await harness.changes()).map((change) => String(change.new?.['id'])).toSorted((a, b) => a.localeCompare(b))

  test('a change is in the batch in which it became visible, whatever the order of transaction ids', async () => {
    const harness = await items()
    const older = await harness.database.connect()
    await older.query('begin; insert into items values (1)')
    await harness.run('insert into items values (2)')
    expect(await ids(harness)).toEqual(['2'])
    await harness.run('insert into items values (3)')
    expect(await ids(harness)).toEqual(['3'])
    await older.query('insert into items values (4); commit')
    expect(await ids(harness)).toEqual(['1', '4'])
    expect(await ids(harness)).toEqual([])
  })

  test('a batch is what its own snapshot sees, and never more', async () => {
    const harness = await items()
    const batch = await harness.read(async (reader) => {
      await harness.run('insert into items values (1)')
      expect((await reader.query('select * from items')).rows).toEqual([])
    })
    expect(batch.changes).toEqual([])
    expect(await ids(harness)).toEqual(['1'])
  })

  test('many concurrent writers: every change is in exactly one batch', async () => {
    const harness = await items()
    const seen: unknown[] = []
    let isWriting = true
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      const client = await harness.database.connect()
      for (let n = 0; n < 50; n += 1) {
        await client.query(`begin; insert into items values ($1)`.replace('$1', String(writer * 100 + n)))
        if (n % 3 === 0) await client.query('savepoint s; insert into items values (-1); rollback to s')
        await client.query('commit')
      }
    })
    const reading = (async () => {
      while (isWriting) for (const change of await harness.changes()) seen.push(Number(change.new?.['id']))
    })()
    await Promise.all(writers)
    isWriting = false
    await reading
    for (const change of await harness.changes()) seen.push(Number(change.new?.['id']))
    const expected = [0, 1, 2, 3].flatMap((writer) => Array.from({ length: 50 }, (_, n) => writer * 100 + n))
    expect(seen.toSorted((a, b) => Number(a) - Number(b))).toEqual(expected)
  })

  test('a prepared transaction counts when it is committed', async () => {
    const harness = await items()
    // Nobody rings in it: that is what a database that prepares transactions is set up for.
    await harness.run(`begin; insert into items values (1)`)
    const prepared = await harness.run(`prepare transaction 'p'`).then(
      () => true,
      () => false,
    )
    if (!prepared) return harness.run('rollback').then(() => {})
    expect(await ids(harness)).toEqual([])
    await harness.run(`commit prepared 'p'`)
    expect(await ids(harness)).toEqual(['1'])
  })

  test('two readers get the same changes, each in its own batches', async () => {
    const harness = await items()
    const second = await another(harness)
    await second.watch('items')
    await harness.run('insert into items values (1)')
    expect(await ids(harness)).toEqual(['1'])
    await harness.run('insert into items values (2)')
    expect(await ids(second)).toEqual(['1', '2'])
    expect(await ids(harness)).toEqual(['2'])
  })

  test('a commit wakes the readers', async () => {
    const harness = await items()
    const second = await another(harness)
    await second.watch('items')
    const seen = [harness.follow(), second.follow()]
    await harness.run('insert into items values (1)')
    for (const changes of seen) {
      await expect.poll(() => changes).toContainEqual(expect.objectContaining({ newRow: { id: '1' } }))
    }
  })

  test('a REPEATABLE READ writer with a snapshot from before the start of capture', async () => {
    const harness = await open()
    await harness.run('create table items (id int); insert into items values (0)')
    const old = await harness.database.connect()
    await old.query('begin isolation level repeatable read; select count(*) from items')
    await harness.watch('items')
    await old.query('insert into items values (1); commit')
    expect(await ids(harness)).toEqual(['1'])
  })

  test('after a stop and a start nothing is missed silently', async () => {
    const harness = await items()
    await harness.source.stop()
    const open = await harness.database.connect()
    await open.query('begin; insert into items values (1)')
    await harness.run('insert into items values (2)')
    await harness.reconnect()
    // Read by `reconnect`: a gap, in which row 2 is seen. The other writer may have been told that nobody reads.
    await open.query('commit')
    const batch = await harness.read()
    expect(batch.gap !== undefined || batch.changes.length === 1).toBe(true)
    await harness.run('insert into items values (3)')
    expect(await ids(harness)).toEqual(['3'])
  })
}
