import { fileURLToPath } from 'node:url'
import type { ResolvePlugin } from '@pg-realtime/tooling/resolve-plugin'

/** Runs tests, and the sources under test, on another Kysely than `kysely`, which takes the place of that one. */
export function withKysely(version: string): ResolvePlugin {
  const importer = fileURLToPath(new URL('../../package.json', import.meta.url))
  const other = `kysely-${version}`
  return {
    name: `with-${other}`,
    enforce: 'pre',
    resolveId(source) {
      const [name, ...rest] = source.split('/')
      if (name !== 'kysely' && name !== other) return Promise.resolve(null)
      const swapped = [name === other ? 'kysely' : other, ...rest].join('/')
      return this.resolve(swapped, importer, { skipSelf: true })
    },
  }
}
