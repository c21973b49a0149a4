import { fileURLToPath } from 'node:url'

/** The part of a Vite plugin that is needed; vitest brings Vite, which is no dependency of ours. */
interface ResolvePlugin {
  readonly name: string
  readonly enforce: 'pre'
  resolveId(
    this: { resolve(source: string, importer: string, options: { skipSelf: true }): Promise<unknown> },
    source: string,
  ): Promise<unknown>
}

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
