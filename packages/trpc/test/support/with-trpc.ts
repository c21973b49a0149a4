import { fileURLToPath } from 'node:url'
import type { ResolvePlugin } from '@pg-realtime/tooling/resolve-plugin'

/** Runs tests, and the sources under test, on the tRPC of a workspace below `test-types`. */
export function withTrpc(version: string): ResolvePlugin {
  const importer = fileURLToPath(new URL(`../../test-types/${version}/package.json`, import.meta.url))
  return {
    name: `with-trpc-${version}`,
    enforce: 'pre',
    resolveId(source) {
      return source.startsWith('@trpc/') ? this.resolve(source, importer, { skipSelf: true }) : Promise.resolve(null)
    },
  }
}
