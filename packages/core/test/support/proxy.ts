import { createTcpProxy, type TcpProxy } from '@pg-realtime/tooling/tcp-proxy'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { TestData } from './database.js'

export interface ProxiedApplication<DB> extends AsyncDisposable {
  readonly proxy: TcpProxy
  readonly pool: pg.Pool
  readonly db: Kysely<DB>
}

/** An application on this database, whose every connection goes through a proxy. */
export async function openThroughProxy<DB>(data: TestData<DB>): Promise<ProxiedApplication<DB>> {
  const target = new URL(data.connectionString)
  const proxy = await createTcpProxy({ host: target.hostname, port: Number(target.port) })
  const pool = new pg.Pool({ connectionString: proxy.through(data.connectionString), connectionTimeoutMillis: 1_000 })
  pool.on('error', () => {})
  return {
    proxy,
    pool,
    db: new Kysely<DB>({ dialect: new PostgresDialect({ pool }) }),
    async [Symbol.asyncDispose]() {
      if (!pool.ending) void pool.end()
      await proxy[Symbol.asyncDispose]()
    },
  }
}
