/**
 * Compares the public interface of each package, as just built, with the committed text beside it. `--update` rewrites the
 * text: the diff then shows reviewers what users will notice.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiText } from './api-text.js'
import { repositoryRoot } from './repository.js'

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>
}

const packages = ['packages/core', 'packages/trpc']
const update = process.argv.includes('--update')

const changed = packages.filter((folder) => {
  const snapshot = join(repositoryRoot, folder, 'api.snapshot.txt')
  const text = describe(join(repositoryRoot, folder))
  if (existsSync(snapshot) && readFileSync(snapshot, 'utf8') === text) return false
  if (update) writeFileSync(snapshot, text)
  else printDifference(snapshot, text)
  return true
})

if (changed.length > 0 && !update) {
  console.error(`The public interface of ${changed.join(' and ')} changed. If that is meant: pnpm api:update`)
  process.exitCode = 1
}

function describe(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  const entries = Object.entries(manifest.exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return []
    return [`// ${manifest.name}${path.slice(1)}\n\n${apiText(join(folder, target.types))}`]
  })
  return entries.join('\n')
}

function printDifference(snapshot: string, text: string): void {
  const before = existsSync(snapshot) ? readFileSync(snapshot, 'utf8').split('\n') : []
  const after = text.split('\n')
  for (const line of before.filter((old) => !after.includes(old))) console.error(`- ${line}`)
  for (const line of after.filter((now) => !before.includes(now))) console.error(`+ ${line}`)
}
