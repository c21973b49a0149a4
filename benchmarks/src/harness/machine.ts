import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { createDatabase } from '@pg-realtime/tooling/postgres'

/** What a reader must know to judge the figures, and nothing that names the machine. */
export async function machineHeader(): Promise<string> {
  const processor = cpus()[0]?.model.trim() || 'unknown processor'
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return [
    `PostgreSQL ${await postgresVersion()}, Node ${process.versions.node}, pg ${versionOf('pg')}, kysely ${versionOf('kysely')}, tRPC ${versionOf('@trpc/server')}`,
    `${process.platform} ${process.arch}, ${availableParallelism()} × ${processor}, ${memory}; database, server and clients share it`,
  ].join('\n')
}

export function versionOf(name: string): string {
  const url = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version
}

async function postgresVersion(): Promise<string> {
  await using database = await createDatabase()
  const client = await database.connect()
  const { rows } = await client.query<{ server_version: string }>('show server_version')
  return rows[0]!.server_version
}
