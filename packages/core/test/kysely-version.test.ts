import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Kysely, PostgresDialect } from 'kysely'
import { expect, test } from 'vitest'

test('this run is on the Kysely that its name says', () => {
  const [major, minor] = installedVersion().split('.')
  expect(`${major}.${minor}`).toBe(process.env['KYSELY_VERSION'] ?? '0.28')
})

/** Of the copy that was loaded: who is called by it sees where that is. */
function installedVersion(): string {
  let stack = ''
  const dialect = new PostgresDialect({ pool: {} as never })
  dialect.createAdapter = () => {
    stack = new Error().stack!
    return {} as never
  }
  void new Kysely({ dialect })
  const [, folder] = /((?:file:\/\/)?\/\S*\/node_modules\/kysely)\//.exec(stack)!
  const path = folder!.startsWith('file://') ? fileURLToPath(folder!) : folder!
  return (JSON.parse(readFileSync(`${path}/package.json`, 'utf8')) as { version: string }).version
}
