import type { LiveInput, LiveOptions, LiveQuery, LiveState, Update } from './contract.js'
import { mapPatch } from '../snapshot/map-patch.js'
import { createUpdate } from './update.js'
import { iterateUpdates } from './updates.js'

/** A live query seen through a function of its rows. Each row is mapped once: unchanged rows stay the same object. */
export class MappedLiveQuery<Source, Row> implements LiveQuery<Row> {
  readonly #source: LiveQuery<Source>
  readonly #mapper: (row: Source) => Row
  readonly #mapped = new WeakMap<readonly Source[], readonly Row[]>()
  /** The most recent rows' images, so that a new array reuses them. */
  #known = new Map<Source, Row>()

  constructor(source: LiveQuery<Source>, mapper: (row: Source) => Row) {
    this.#source = source
    this.#mapper = mapper
  }

  get id() {
    return this.#source.id
  }
  get status() {
    return this.#source.status
  }
  get version() {
    return this.#source.version
  }
  get snapshot() {
    return this.#source.snapshot
  }
  get error() {
    return this.#source.error
  }
  get rows(): readonly Row[] {
    return this.#map(this.#source.rows)
  }
  get single(): Row | undefined {
    return this.rows[0]
  }
  get ready(): Promise<readonly Row[]> {
    return this.#source.ready.then((rows) => this.#map(rows))
  }
  get state(): LiveState<Row> {
    const { rows, status, version, snapshot, error } = this
    return { rows, status, version, snapshot, error }
  }

  subscribe(listener: (update: Update<Row>) => void): () => void {
    return this.#source.subscribe((update) => {
      // In this order: the images of the rows before are reused for those after.
      const previousRows = this.#map(update.previousRows)
      const rows = this.#map(update.rows)
      const { kind, status, version, snapshot, error } = update
      const diff = () => mapPatch(update.patch, previousRows, rows)
      listener(createUpdate({ rows, status, version, snapshot, error }, kind, previousRows, diff))
    })
  }

  [Symbol.asyncIterator](): AsyncIterator<Update<Row>, undefined> {
    return iterateUpdates(this)
  }

  map<T>(mapper: (row: Row) => T): LiveQuery<T> {
    return new MappedLiveQuery(this, mapper)
  }

  async replace(query: LiveInput<Row>, options?: Omit<LiveOptions<never, Row>, 'id'>): Promise<readonly Row[]> {
    const source = this.#source as unknown as LiveQuery<Row>
    return this.#map((await source.replace(query, options)) as unknown as readonly Source[])
  }

  explain() {
    return this.#source.explain()
  }

  close(): boolean {
    return this.#source.close()
  }

  #map(rows: readonly Source[]): readonly Row[] {
    const done = this.#mapped.get(rows)
    if (done) return done
    const known = new Map<Source, Row>()
    const mapped = rows.map((row) => {
      const image = this.#known.has(row) ? this.#known.get(row)! : this.#mapper(row)
      known.set(row, image)
      return image
    })
    this.#known = known
    this.#mapped.set(rows, Object.freeze(mapped))
    return mapped
  }
}
