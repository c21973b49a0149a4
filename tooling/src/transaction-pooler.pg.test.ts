import { connect as connectTcp } from 'node:net'
import pg from 'pg'
import { expect, it } from 'vitest'
import { createDatabase } from './postgres.js'
import { createTransactionPooler } from './transaction-pooler.js'

const pid = async (client: pg.Client) => {
  const result = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return result.rows[0]!.pid
}

async function setUp(size: number) {
  const database = await createDatabase({ setup: 'create table items (id int primary key)' })
  const pooler = await createTransactionPooler({ connectionString: database.connectionString, size })
  const open: pg.Client[] = []
  const connect = async () => {
    const client = new pg.Client(pooler.connectionString)
    client.on('error', () => undefined)
    open.push(client)
    await client.connect()
    return client
  }
  const dispose = async () => {
    await Promise.all(open.map((client) => client.end().catch(() => undefined)))
    await pooler[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  }
  return { database, connect, port: pooler.port, [Symbol.asyncDispose]: dispose }
}

it('gives a client one connection for a transaction and another one for the next', async () => {
  await using pooled = await setUp(2)
  const client = await pooled.connect()
  await client.query('begin')
  const inside = [await pid(client), await pid(client)]
  await client.query('insert into items values ($1)', [1])
  await client.query('commit')
  expect(inside[1]).toBe(inside[0])
  expect(await pid(client)).not.toBe(inside[0])
  expect((await client.query('select id from items where id = $1', [1])).rows).toEqual([{ id: 1 }])
})

it('serves more clients than it has connections', async () => {
  await using pooled = await setUp(1)
  const clients = await Promise.all([pooled.connect(), pooled.connect(), pooled.connect()])
  await Promise.all(clients.map((client, index) => client.query('insert into items values ($1)', [index])))
  const count = await clients[0].query<{ n: number }>('select count(*)::int as n from items')
  expect(count.rows[0]!.n).toBe(3)
})

it('passes errors on and stays usable', async () => {
  await using pooled = await setUp(1)
  const client = await pooled.connect()
  await expect(client.query('select missing')).rejects.toThrow('missing')
  await expect(client.query('select $1::int', ['x'])).rejects.toThrow('invalid input')
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

it('accepts LISTEN and never delivers a notification', async () => {
  await using pooled = await setUp(2)
  const heard: string[] = []
  const pooledListener = await pooled.connect()
  const directListener = await pooled.database.connect()
  for (const [name, client] of Object.entries({ pooled: pooledListener, direct: directListener })) {
    client.on('notification', () => heard.push(name))
    await client.query('listen bell')
  }
  const writer = await pooled.database.connect()
  await writer.query('notify bell')
  await expect.poll(() => heard).toContain('direct')
  // This goes through the connection that did not get the LISTEN: what the other one says while idle is dropped.
  await pid(pooledListener)
  expect(heard).toEqual(['direct'])
})

it('gives nobody the connection of a client that left in the middle of a transaction', async () => {
  await using pooled = await setUp(1)
  const leaver = await pooled.connect()
  await leaver.query('begin')
  await leaver.query('insert into items values (1)')
  await leaver.end()
  const next = await pooled.connect()
  expect((await next.query('select * from items')).rows).toEqual([])
})

it('forwards a cancel request to the connection that runs the statement', async () => {
  await using pooled = await setUp(2)
  const client = await pooled.connect()
  const watcher = await pooled.database.connect()
  const sleeping = expect(client.query('select pg_sleep(60)')).rejects.toThrow('canceling statement')
  const running = "select from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'"
  await expect.poll(async () => (await watcher.query(running)).rowCount).toBe(1)
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
  const request = Buffer.alloc(16)
  for (const [index, value] of [16, 80877102, processID, secretKey].entries()) request.writeInt32BE(value, index * 4)
  connectTcp(pooled.port, '127.0.0.1').end(request)
  await sleeping
})
