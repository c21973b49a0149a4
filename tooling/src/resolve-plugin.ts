/** The part of a Vite plugin that is needed; vitest brings Vite, which is no dependency of ours. */
export interface ResolvePlugin {
  readonly name: string
  readonly enforce: 'pre'
  resolveId(
    this: { resolve(source: string, importer: string, options: { skipSelf: true }): Promise<unknown> },
    source: string,
  ): Promise<unknown>
}
