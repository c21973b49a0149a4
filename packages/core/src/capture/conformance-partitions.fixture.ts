/** Partitions and inheritance children are covered however they are written. */
import { expect, test } from 'vitest'
import type { Open } from './conformance.fixture.js'

const PARTITIONED = `create table events (day int, note text) partition by list (day);
  -- Other columns than the parent's, in another order, one of them dropped.
  create table events_1 (gone int, note text, day int); alter table events_1 drop column gone;
  alter table events attach partition events_1 for values in (1);
  create table events_2 partition of events for values in (2) partition by list (note);
  create table events_2_any partition of events_2 default`

export function partitionCases(open: Open): void {
  test('parity 20: partitions written through the parent and directly', async () => {
    const harness = await open()
    await harness.run(PARTITIONED)
    await harness.watch('events')
    await harness.run(`insert into events values (1, 'a'), (2, 'b')`)
    await harness.run(`update events_1 set note = 'direct'`)
    await harness.run(`delete from events_2 where note = 'b'`)
    await harness.run(`insert into events_2_any values (2, 'leaf')`)
    expect(await harness.changes()).toEqual([
      { kind: 'insert', table: 'events', new: { day: '1', note: 'a' } },
      { kind: 'insert', table: 'events', new: { day: '2', note: 'b' } },
      { kind: 'update', table: 'events_1', old: { day: '1', note: 'a' }, new: { day: '1', note: 'direct' } },
      { kind: 'delete', table: 'events_2', old: { day: '2', note: 'b' } },
      { kind: 'insert', table: 'events_2_any', new: { day: '2', note: 'leaf' } },
    ])
  })

  test('parity 20: an update that moves rows to another partition pairs old and new', async () => {
    const harness = await open()
    await harness.run(PARTITIONED)
    await harness.run(`insert into events values (1, 'a'), (2, 'b'), (1, 'c')`)
    await harness.watch('events')
    await harness.run(`update events set day = 3 - day`)
    const changes = await harness.changes()
    expect(changes.map(({ kind }) => kind)).toEqual(['update', 'update', 'update'])
    for (const { old, new: row } of changes)
      expect(row).toEqual({ day: String(3 - Number(old?.['day'])), note: old?.['note'] })
    expect(new Set(changes.map(({ old }) => old?.['note']))).toEqual(new Set(['a', 'b', 'c']))
  })

  test('a MERGE that moves rows to another partition is not missed', async ({ skip }) => {
    const harness = await open()
    const [server] = await harness.run(`select current_setting('server_version_num')::int >= 150000 as merges`)
    skip(server?.['merges'] !== true, 'PostgreSQL 14 has no MERGE')
    await harness.run(PARTITIONED)
    await harness.run(`insert into events values (1, 'a');
      create function move() returns void language sql begin atomic
        merge into events using (values ('a')) v(note) on events.note = v.note when matched then update set day = 3 - day; end`)
    await harness.watch('events')
    await harness.run(
      `merge into events using (values ('a')) v(note) on events.note = v.note when matched then update set day = 2`,
    )
    expect((await harness.read()).changes).not.toEqual([])
    await harness.run(`select move()`)
    expect((await harness.read()).changes).not.toEqual([])
  })

  test('parity 20: a partition attached later is covered through the parent at once, and directly once it is watched', async () => {
    const harness = await open()
    await harness.run(PARTITIONED)
    await harness.watch('events')
    await harness.run(`create table events_3 partition of events for values in (3); insert into events values (3, 'a')`)
    expect(await harness.changes()).toEqual([{ kind: 'insert', table: 'events', new: { day: '3', note: 'a' } }])
    await harness.watch('events')
    await harness.run(`insert into events_3 values (3, 'b')`)
    expect(await harness.changes()).toEqual([{ kind: 'insert', table: 'events_3', new: { day: '3', note: 'b' } }])
  })

  test('fault 10: inheritance children, from above and from below', async () => {
    const harness = await open()
    await harness.run(`create table animals (name text); create table dogs (breed text) inherits (animals);
      create table puppies () inherits (dogs)`)
    await harness.watch('dogs')
    await harness.run(
      `insert into dogs values ('rex', 'pug'); insert into puppies values ('bo', 'pug'); update animals set name = 'x'`,
    )
    const changes = await harness.changes()
    expect(changes.map(({ kind, table }) => `${kind} ${table}`)).toEqual([
      'insert dogs',
      'insert puppies',
      'update animals',
      'update animals',
    ])
  })

  test('a partition that is truncated directly', async () => {
    const harness = await open()
    await harness.run(PARTITIONED)
    await harness.watch('events')
    await harness.run(`truncate events_2_any`)
    expect(await harness.changes()).toEqual([{ kind: 'truncate', table: 'events_2_any' }])
    await harness.run(`truncate events`)
    expect(await harness.changes()).toContainEqual({ kind: 'truncate', table: 'events' })
  })
}
