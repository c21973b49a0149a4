import type { Pool } from 'pg'
import { SQL, type QueryKind, type WatchedRow, type Watcher } from '../harness/watcher.js'

interface PolledQuery {
  readonly customer: number
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
  readonly #queries: Record<QueryKind, PolledQuery[]> = { orders: [], items: [] }
  readonly #loop: Promise<void>
  #isStopped = false
  #wake: () => void = () => {}

  constructor(pool: Pool) {
    this.#pool = pool
    this.#loop = this.#run()
  }

  async watch(kind: QueryKind, customer: number, onRows: PolledQuery['onRows']): Promise<() => void> {
    const query: PolledQuery = { customer, onRows: () => {}, text: undefined }
    await this.#refresh(kind, [query])
    const watched = { ...query, onRows }
    this.#queries[kind].push(watched)
    return () => void this.#queries[kind].splice(this.#queries[kind].indexOf(watched), 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    this.#wake()
    await this.#loop
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const next = performance.now() + INTERVAL_MS
      for (const kind of ['orders', 'items'] as const) {
        const queries = [...this.#queries[kind]]
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

  async #refresh(kind: QueryKind, queries: readonly PolledQuery[]): Promise<void> {
    const { rows } = await this.#pool.query<{ k: string; text: string }>({
      name: `poll ${kind}`,
      text: `select p.k, coalesce(json_agg(q) filter (where q.id is not null), '[]')::text as text
        from unnest($1::int[]) with ordinality p(customer, k)
        left join lateral (${SQL[kind].replace('$1', 'p.customer')}) q on true group by p.k`,
      values: [queries.map(({ customer }) => customer)],
    })
    for (const { k, text } of rows) {
      const query = queries[Number(k) - 1]!
      if (query.text === text) continue
      query.text = text
      query.onRows(JSON.parse(text) as readonly WatchedRow[])
    }
  }
}
