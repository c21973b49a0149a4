import { existsSync } from 'node:fs'
import type { TestDatabase } from '@pg-realtime/tooling/postgres'
import type { Watcher } from './watcher.js'

type OpenPeer = (options: { readonly connectionString: string }) => Promise<Watcher>

/**
 * A peer of `benchmarks/peers`, or undefined, said so, where they are not installed: a plain install does not fetch them.
 * They are plain JavaScript, loaded by a computed name, because their types are only there when they are.
 */
export async function openPeer(name: 'zero', database: TestDatabase): Promise<Watcher | undefined> {
  const folder = new URL('../../peers/', import.meta.url)
  if (!existsSync(new URL('node_modules', folder))) {
    console.log(`\n${name} is not installed and so not compared: pnpm bench:peers installs it.`)
    return undefined
  }
  const { open } = (await import(new URL(`${name}.mjs`, folder).href)) as { readonly open: OpenPeer }
  return open({ connectionString: database.connectionString })
}
