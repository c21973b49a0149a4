import { existsSync } from 'node:fs'
import type { TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Pool } from 'pg'
import { SQL, type QueryKind, type Watcher } from './watcher.js'

interface Peers {
  readonly zero: { open(this: void, options: { readonly connectionString: string }): Promise<Watcher> }
  readonly pglite: {
    openEmbedded(
      this: void,
      options: { readonly setup: string; readonly sql: Readonly<Record<QueryKind, string>> },
    ): Promise<EmbeddedPeer>
  }
}

/** A peer with a database of its own. */
export interface EmbeddedPeer {
  readonly watcher: Watcher
  readonly pool: Pick<Pool, 'connect'>
}

/** Zero on this database; undefined where peers are not installed. */
export async function openZero(database: TestDatabase): Promise<Watcher | undefined> {
  const peer = await load('zero')
  if (!peer) return undefined
  const zero = await peer.open({ connectionString: database.connectionString })
  return {
    ...zero,
    [Symbol.asyncDispose]: async () => {
      await zero[Symbol.asyncDispose]()
      await endSlots(database)
    },
  }
}

/** A database cannot be dropped while somebody, though gone, still holds a replication slot of it. */
async function endSlots(database: TestDatabase): Promise<void> {
  const client = await database.connect()
  for (let active: number | null = 1; active;) {
    const { rowCount } = await client.query(
      `select pg_terminate_backend(active_pid, 1000) from pg_replication_slots where active and database = current_database()`,
    )
    active = rowCount
  }
  await client.end()
}

/** PGlite, filled by `setup`; undefined where peers are not installed. */
export async function openPglite(setup: string): Promise<EmbeddedPeer | undefined> {
  const peer = await load('pglite')
  return peer?.openEmbedded({ setup, sql: SQL })
}

/**
 * A plain install does not fetch the peers. They are plain JavaScript, loaded by a computed name, because their types are
 * only there when they are.
 */
async function load<Name extends keyof Peers>(name: Name): Promise<Peers[Name] | undefined> {
  const folder = new URL('../../peers/', import.meta.url)
  if (!existsSync(new URL('node_modules', folder))) {
    console.log(`\n${name} is not installed and so not compared: pnpm bench:peers installs it.`)
    return undefined
  }
  return (await import(new URL(`${name}.mjs`, folder).href)) as Peers[Name]
}
