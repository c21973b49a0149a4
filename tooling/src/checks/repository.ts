/** What the checks share: where the repository is and which files belong to it. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url))

const madeByTools = new Set(['node_modules', 'dist', 'artifacts', 'coverage'])

/** Paths, relative to the root, of the files that people write. Git is not asked: the files may have come without it. */
export function repositoryFiles(matches: RegExp, folder = ''): string[] {
  return readdirSync(join(repositoryRoot, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isFile()) return matches.test(path) ? [path] : []
    const hidden = entry.name.startsWith('.') && entry.name !== '.changeset'
    return entry.isDirectory() && !hidden && !madeByTools.has(entry.name) ? repositoryFiles(matches, path) : []
  })
}
