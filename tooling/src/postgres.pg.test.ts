import type { Client } from 'pg'
import { expect, it } from 'vitest'
import { createDatabase, createTemplate } from './postgres.js'

it('gives every test a database of its own, gone when the test is', async () => {
  const left = await createDatabase({ setup: 'create table items (id int)' })
  await using right = await createDatabase({ setup: 'create table items (id int)' })
  const client = await left.connect()
  await client.query('insert into items values (1)')
  const other = await right.connect()
  expect((await other.query('select * from items')).rows).toEqual([])

  await left[Symbol.asyncDispose]()
  const names = await other.query<{ datname: string }>('select datname from pg_database')
  expect(names.rows.map((row) => row.datname)).not.toContain(left.name)
})

it('is dropped in spite of a pool whose clients were never given back', async () => {
  const database = await createDatabase()
  const pool = database.pool()
  await pool.connect()
  await database[Symbol.asyncDispose]()
  await using other = await createDatabase()
  const found = await (await other.connect()).query('select from pg_database where datname = $1', [database.name])
  expect(found.rowCount).toBe(0)
})

it('copies a template, setup run once', async () => {
  let runs = 0
  await using template = await createTemplate(async (client) => {
    runs++
    await client.query('create table items as select 1 as id')
  })
  for (let copy = 0; copy < 2; copy++) {
    await using database = await template.createDatabase()
    const client = await database.connect()
    const result = await client.query<{ id: number }>('select id from items')
    expect(result.rows).toEqual([{ id: 1 }])
    await client.query('delete from items')
  }
  expect(runs).toBe(1)
})

it('removes the database when its setup fails', async () => {
  await using database = await createDatabase()
  let name: string | undefined
  const setup = async (client: Client): Promise<never> => {
    name = client.database
    throw new Error('the setup failed')
  }
  await expect(createDatabase({ setup })).rejects.toThrow('the setup failed')
  const client = await database.connect()
  expect(name).toMatch(/^test_/)
  expect((await client.query('select from pg_database where datname = $1', [name])).rowCount).toBe(0)
})

it('connects as another role', async () => {
  const role = `role_${process.pid}`
  await using database = await createDatabase({ setup: `create role ${role} login password 'secret'` })
  const client = await database.connect({ user: role, password: 'secret' })
  expect((await client.query('select current_user as name')).rows).toEqual([{ name: role }])
  await client.end()
  const superuser = await database.connect()
  await superuser.query(`drop role ${role}`)
})
