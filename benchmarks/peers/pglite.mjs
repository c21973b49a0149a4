/**
 * PGlite's live queries: PostgreSQL as WebAssembly in this very process, with no network and one connection for all. It
 * re-runs a query when one of its tables changes. It has no clients elsewhere: a floor of another kind.
 */
import { readFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { live } from '@electric-sql/pglite/live'

/** `setup` fills it; `sql` has each kind's query. `pool` writes to it, as far as the benchmark needs a pool. */
export async function openEmbedded({ setup, sql }) {
  const database = await PGlite.create({ extensions: { live } })
  await database.exec(setup)
  await database.exec('analyze')
  const { version } = JSON.parse(
    await readFile(new URL('node_modules/@electric-sql/pglite/package.json', import.meta.url), 'utf8'),
  )
  const client = {
    query: (query) => (typeof query === 'string' ? database.exec(query) : database.query(query.text, query.values)),
    release: () => {},
  }
  return {
    pool: { connect: () => Promise.resolve(client) },
    watcher: {
      name: `PGlite ${version}, in process`,
      watch: async (kind, customer, onRows) => {
        let isFirst = true
        const query = await database.live.query(sql[kind], [customer], ({ rows }) => {
          if (!isFirst) onRows(rows)
          isFirst = false
        })
        return () => void query.unsubscribe()
      },
      [Symbol.asyncDispose]: () => database.close(),
    },
  }
}
