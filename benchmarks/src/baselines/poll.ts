import type { Pool } from 'pg'
import { WATCHED_SQL, type WatchedKind, type WatchedRow, type Watcher } from '../harness/watcher.js'

interface PolledQuery {
  readonly id: number
  readonly onRows: (rows: readonly WatchedRow[]) => void
  text: string | undefined
}

const INTERVAL_MS = 1_000
/** Instances of a shape in one statement. */
const CHUNK = 1_000

/**
 * Once a second each shape runs for all of its instances, many in one statement, each result as one text of JSON: what has
 * the same text as before is not even parsed. Writers pay nothing, and every change is up to a second late.
 */
export class Poll implements Watcher {
  readonly name = 'poll once a second, together'
  readonly #pool: Pool
  readonly #queries = new Map<WatchedKind, PolledQuery[]>()
  readonly #loop: Promise<void>
  #isStopped = false
  #wake: () => void = () => {}

  constructor(pool: Pool) {
    this.#pool = pool
    this.#loop = this.#run()
  }

  async watch(kind: WatchedKind, id: number, onRows: PolledQuery['onRows']): Promise<() => void> {
    const query: PolledQuery = { id, onRows: () => {}, text: undefined }
    await this.#refresh(kind, [query])
    const watched = { ...query, onRows }
    const queries = this.#queries.get(kind) ?? []
    this.#queries.set(kind, queries)
    queries.push(watched)
    return () => void queries.splice(queries.indexOf(watched), 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    this.#wake()
    await this.#loop
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const next = performance.now() + INTERVAL_MS
      for (const [kind, present] of this.#queries) {
        const queries = [...present]
        for (let at = 0; at < queries.length && !this.#isStopped; at += CHUNK) {
          await this.#refresh(kind, queries.slice(at, at + CHUNK))
        }
      }
      const wait = Math.max(0, next - performance.now())
      if (this.#isStopped) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  async #refresh(kind: WatchedKind, queries: readonly PolledQuery[]): Promise<void> {
    const { rows } = await this.#pool.query<{ k: string; text: string }>({
      name: `poll ${kind}`,
      text: `select p.k, (select coalesce(json_agg(q), '[]') from (${WATCHED_SQL[kind].replace('$1', 'p.id')}) q)::text as text
        from unnest($1::int[]) with ordinality p(id, k)`,
      values: [queries.map(({ id }) => id)],
    })
    for (const { k, text } of rows) {
      const query = queries[Number(k) - 1]!
      if (query.text === text) continue
      query.text = text
      query.onRows(JSON.parse(text) as readonly WatchedRow[])
    }
  }
}
