import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { tracked } from '@trpc/server'
import { expect, test } from 'vitest'

test('this run is on the tRPC that its name says', () => {
  const [major, minor] = installedVersion().split('.')
  expect(`${major}.${minor}`).toBe(process.env['TRPC_VERSION'] ?? '11.22')
})

/** Of the copy that was loaded: an error that it throws knows where that is. */
function installedVersion(): string {
  try {
    tracked('', undefined)
  } catch (error) {
    const [, folder] = /((?:file:\/\/)?\/\S*\/@trpc\/server)\//.exec((error as Error).stack!)!
    const path = folder!.startsWith('file://') ? fileURLToPath(folder!) : folder!
    return (JSON.parse(readFileSync(`${path}/package.json`, 'utf8')) as { version: string }).version
  }
  throw new Error('an empty event id was accepted')
}
