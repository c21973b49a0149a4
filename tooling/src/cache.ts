/** Where large files that can be made again are kept between runs. */
import { mkdir, rename, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * The folder `name` in the user's cache, made by `fill` the first time. `fill` gets a folder of its own, which becomes
 * the cached one only when it is complete: a process that dies half-way leaves nothing that looks finished.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const root = await cacheRoot()
  const folder = join(root, name)
  if (existsSync(folder)) return folder
  const partial = `${folder}.${process.pid}.${Date.now()}`
  await mkdir(partial)
  try {
    await fill(partial)
    await rename(partial, folder)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    // Another process may have been quicker: one of the two is enough.
    if (!existsSync(folder)) throw error
  }
  return folder
}

async function cacheRoot(): Promise<string> {
  const preferred = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'pg-realtime')
  const made = await mkdir(preferred, { recursive: true }).then(
    () => true,
    () => false,
  )
  if (made) return preferred
  // Some users have no home of their own. Mode 0700: nobody else may put programs there.
  const fallback = join(tmpdir(), `pg-realtime-cache-${process.getuid?.() ?? 'user'}`)
  await mkdir(fallback, { recursive: true, mode: 0o700 })
  return fallback
}
