import pg from 'pg'
import { vi } from 'vitest'

/** The texts that every connection of this process sends. */
export function recordTexts() {
  const spy = vi.spyOn(pg.Client.prototype, 'query')
  return {
    get texts(): readonly string[] {
      const queries = spy.mock.calls.map(([query]) => query as string | { readonly text?: string })
      return queries.map((query) => (typeof query === 'string' ? query : (query.text ?? '')))
    },
    [Symbol.dispose]: () => spy.mockRestore(),
  }
}
