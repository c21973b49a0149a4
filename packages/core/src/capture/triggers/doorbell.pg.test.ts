import { createTransactionPooler } from '@pg-realtime/tooling/transaction-pooler'
import type { Client, Notification } from 'pg'
import { expect, test } from 'vitest'
import { ManualClock } from '../../../test/support/clock.js'
import { SerialClient } from '../../connection/serial-client.js'
import { planTable, SourceHarness } from '../source-harness.fixture.js'
import { triggerSource } from './trigger-source.fixture.js'
import type { TriggerSource } from './trigger-source.js'

const NOW = `(extract(epoch from clock_timestamp()) * 1000)::int8`
const CHANNEL = '_pg_realtime_changes'

/** Hears every ring, and can tell when it has heard all there were. */
class Listener {
  readonly heard: Notification[] = []
  readonly #client: Client
  #onBarrier: (() => void) | undefined

  private constructor(client: Client) {
    this.#client = client
    client.on('notification', (message) => {
      if (message.channel === CHANNEL) this.heard.push(message)
      else this.#onBarrier?.()
    })
  }

  static async open(harness: SourceHarness<TriggerSource>): Promise<Listener> {
    const client = await harness.database.connect()
    await client.query(`listen "${CHANNEL}"; listen listener_barrier`)
    return new Listener(client)
  }

  /** Rings of this session so far. */
  async ringsOf(client: Client): Promise<number> {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    const barrier = new Promise<void>((resolve) => {
      this.#onBarrier = resolve
    })
    await this.#client.query('notify listener_barrier')
    await barrier
    return this.heard.filter((message) => message.processId === rows[0]?.pid).length
  }
}

async function watchingItems(options: Parameters<typeof triggerSource>[0] = {}): Promise<SourceHarness<TriggerSource>> {
  const harness = await SourceHarness.open(triggerSource(options))
  await harness.run('create table if not exists items (id int)')
  await harness.watch('items')
  return harness
}

/** Writes as fast as it takes for the reader to poll. */
async function wakeUp(harness: SourceHarness<TriggerSource>): Promise<void> {
  while (harness.source.wakefulness?.kind !== 'awake') {
    for (let n = 0; n < 5; n += 1) await harness.run('insert into items values (0)')
    await harness.read()
  }
  await harness.source.settled()
}

test('rings for a sleeping reader, once for each commit, with nothing in it', async () => {
  await using harness = await watchingItems()
  const listener = await Listener.open(harness)
  await harness.run('begin; insert into items values (1); update items set id = 2; delete from items; commit')
  await harness.run('update items set id = 3')
  await harness.run('insert into items values (4)')
  expect(await listener.ringsOf(harness.writer)).toBe(2)
  expect(new Set(listener.heard.map((message) => message.payload))).toEqual(new Set(['']))
})

test('does not ring while a reader is awake, who then is woken by itself', async () => {
  await using harness = await watchingItems()
  await wakeUp(harness)
  const listener = await Listener.open(harness)
  await harness.run('insert into items values (1)')
  await harness.run('insert into items values (2)')
  expect(await listener.ringsOf(harness.writer)).toBe(0)
  const before = harness.wakes
  expect(await harness.changes()).toHaveLength(2)
  await expect.poll(() => harness.wakes).toBeGreaterThan(before)
})

test('goes back to sleep when it is quiet, and is rung for again', async () => {
  await using harness = await watchingItems()
  await wakeUp(harness)
  harness.follow()
  await expect.poll(() => harness.source.wakefulness?.kind).toBe('asleep')
  const listener = await Listener.open(harness)
  await harness.run('insert into items values (1)')
  expect(await listener.ringsOf(harness.writer)).toBe(1)
})

test('does not sleep before a writer that it has silenced has ended, and then sees its change', async () => {
  await using harness = await watchingItems()
  await wakeUp(harness)
  const silent = await harness.database.connect()
  await silent.query('begin; insert into items values (7)')
  const seen = harness.follow()
  await expect.poll(() => harness.source.wakefulness).toMatchObject({ kind: 'draining', step: 'waiting' })
  const listener = await Listener.open(harness)
  await silent.query('commit')
  expect(await listener.ringsOf(silent)).toBe(0)
  await expect.poll(() => seen).toContainEqual(expect.objectContaining({ newRow: { id: '7' } }))
  await expect.poll(() => harness.source.wakefulness?.kind).toBe('asleep')
})

test('a REPEATABLE READ writer sees what readers say now, not what they said when its snapshot was taken', async () => {
  await using harness = await watchingItems()
  const listener = await Listener.open(harness)
  const [before, after] = [await harness.database.connect(), await harness.database.connect()]
  await before.query('begin isolation level repeatable read; select count(*) from items')
  await harness.run(`select setval('_pg_realtime.awake_until', ${NOW} + 3600000)`)
  await after.query('begin isolation level repeatable read; select count(*) from items')
  await before.query('insert into items values (1); commit')
  expect(await listener.ringsOf(before)).toBe(0)
  await harness.run(`select setval('_pg_realtime.awake_until', ${NOW})`)
  await after.query('insert into items values (2); commit')
  expect(await listener.ringsOf(after)).toBe(1)
})

test('a reader that is awake relays to those that sleep', async () => {
  await using harness = await watchingItems()
  // Nothing but a ring wakes it, and it sleeps on as long as it does not read.
  await using sleeping = await harness.another(triggerSource({ safetyPollMs: 3_600_000 }))
  await sleeping.watch('items')
  await wakeUp(harness)
  const listener = await Listener.open(harness)
  const silent = await harness.database.connect()
  await silent.query('insert into items values (7)')
  expect(await listener.ringsOf(silent)).toBe(0)
  const rings = await listener.ringsOf(harness.control)
  const before = sleeping.wakes
  expect(await harness.changes()).toHaveLength(1)
  await harness.source.settled()
  expect(await listener.ringsOf(harness.control)).toBeGreaterThan(rings)
  await expect.poll(() => sleeping.wakes).toBeGreaterThan(before)
  expect(await sleeping.changes()).not.toEqual([])
})

test('a reader that is killed while it is awake silences the writers only for a moment', async () => {
  await using harness = await watchingItems()
  const killed = await SourceHarness.open(triggerSource(), harness.database)
  await killed.watch('items')
  await wakeUp(killed)
  const listener = await Listener.open(harness)
  const { rows } = await killed.control.query<{ pid: number }>('select pg_backend_pid() as pid')
  await harness.run('select pg_terminate_backend($1)', [rows[0]?.pid])
  await expect
    .poll(async () => {
      await harness.run('insert into items values (1)')
      return listener.ringsOf(harness.writer)
    })
    .toBeGreaterThan(0)
  await killed[Symbol.asyncDispose]()
})

test('doorbell: false is kept in the database, and writers never ring, not even when nobody reads any more', async () => {
  await using harness = await watchingItems({ doorbell: false })
  expect(harness.source.wakefulness?.kind).toBe('polling')
  await using follower = await harness.another(triggerSource())
  expect(follower.source.wakefulness?.kind).toBe('polling')
  const listener = await Listener.open(harness)
  await harness.run(`begin; insert into items values (1); prepare transaction 'p'`)
  await harness.run(`commit prepared 'p'`)
  await follower.source.stop()
  await harness.source.stop()
  await harness.run('insert into items values (2)')
  expect(await listener.ringsOf(harness.writer)).toBe(0)
  await using again = await harness.another(triggerSource({ doorbell: true }))
  expect(again.source.wakefulness?.kind).toBe('asleep')
  await harness.run('insert into items values (3)')
  expect(await listener.ringsOf(harness.writer)).toBe(1)
})

test('without a doorbell it polls', async () => {
  await using harness = await watchingItems({ doorbell: false })
  const seen = harness.follow()
  await harness.run('insert into items values (7)')
  await expect.poll(() => seen).toContainEqual(expect.objectContaining({ newRow: { id: '7' } }))
})

test('behind a pooler in transaction mode it says so, and polls', async () => {
  await using harness = await watchingItems()
  await using pooler = await createTransactionPooler({ connectionString: harness.database.connectionString, size: 3 })
  const clock = new ManualClock()
  const errors: string[] = []
  let wakes = 0
  const source = triggerSource({ clock })(() => harness.database.connect())
  const pooled = async (): Promise<SerialClient> => {
    const client = new SerialClient({ connectionString: pooler.connectionString })
    await client.connect()
    return client
  }
  const [control, reader] = [await pooled(), await pooled()]
  await source.start(control, { wake: () => (wakes += 1), onError: (error) => errors.push(error.message) })
  await source.watch([await planTable(harness.writer, 'items')])
  const read = async () => {
    await reader.query('begin isolation level repeatable read read only')
    const batch = await source.read(reader)
    await reader.query('commit')
    return batch
  }
  await read()
  await read()
  clock.advance(3_000)
  expect(errors).toEqual([expect.stringContaining('pooler in transaction mode')])
  expect(source.wakefulness?.kind).toBe('polling')
  await harness.run('insert into items values (7)')
  const before = wakes
  clock.advance(250)
  expect(wakes).toBeGreaterThan(before)
  expect((await read()).changes).toHaveLength(1)
  await source.stop()
  await Promise.all([control.end(), reader.end()])
})

test('fault 25: no role but the reader sees a row, on a channel or in a table', async () => {
  await using harness = await watchingItems()
  const role = `stranger_${harness.database.name}`
  await harness.run(`create role ${role} login password 'x'`)
  try {
    const stranger = await harness.database.connect({ user: role, password: 'x' })
    const heard: Notification[] = []
    stranger.on('notification', (message) => heard.push(message))
    await stranger.query(`listen "${CHANNEL}"; listen _pg_realtime`)
    await harness.run('insert into items values (4711)')
    await expect.poll(async () => (await stranger.query('select 1'), heard.length)).toBe(1)
    expect(heard[0]?.payload).toBe('')
    for (const statement of [
      'table _pg_realtime.log_0',
      'table _pg_realtime.log_1',
      `select setval('_pg_realtime.awake_until', 1)`,
      'select _pg_realtime.rotate(null, true)',
      'create temp table t (id int); create trigger x after insert on t execute function _pg_realtime._pg_realtime_notify_items()',
    ]) {
      await expect(stranger.query(statement)).rejects.toThrow('permission denied')
    }
    // Nor by a right on the schema alone, which somebody may grant.
    await harness.run(`grant usage on schema _pg_realtime to ${role}`)
    await expect(stranger.query('table _pg_realtime.log_0')).rejects.toThrow('permission denied')
    const functions = await harness.run(
      `select proname from pg_proc where pronamespace = '_pg_realtime'::regnamespace and has_function_privilege($1, oid, 'execute')`,
      [role],
    )
    expect(functions).toEqual([])
  } finally {
    await harness.run(`drop owned by ${role}; drop role ${role}`)
  }
})

test(`a writer's own objects cannot get into the way of the trigger`, async () => {
  await using harness = await watchingItems()
  await harness.run(`create schema evil; create function evil.now() returns timestamptz language sql as 'select null::timestamptz';
    create function evil.pg_sequence_last_value(regclass) returns int8 language sql as 'select 1/0::int8';
    create function evil.clock_timestamp() returns timestamptz language plpgsql as $$ begin raise 'stolen'; end $$;
    create temp table log_0 (id int); create temp table old_rows (id int); create temp table new_rows (id int);
    set search_path = evil, pg_temp, public, pg_catalog; insert into items values (1)`)
  expect(await harness.changes()).toHaveLength(1)
})
