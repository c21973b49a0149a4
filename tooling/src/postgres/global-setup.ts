/** One server for all test files of a run: its address reaches the workers through the environment. */
import { sharedServerVariable, startPostgres } from '../postgres.js'

export default async function setup(): Promise<() => Promise<void>> {
  const server = await startPostgres()
  process.env[sharedServerVariable] = server.connectionString
  return async () => {
    delete process.env[sharedServerVariable]
    await server.stop('immediate')
  }
}
