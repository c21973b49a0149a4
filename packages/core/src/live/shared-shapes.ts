import type { CompiledLiveQuery } from './compile.js'

/** What all live queries of a shape have in common. */
export type QueryShape = Pick<CompiledLiveQuery, 'sql' | 'node'>

/**
 * One SQL text and one tree for all live queries of a shape: a plan is about the shape, and a tree takes more memory than
 * everything else that a live query holds. Kept for as long as a live query has it.
 */
export class SharedShapes {
  readonly #shapes = new Map<string, WeakRef<QueryShape>>()
  readonly #ended = new FinalizationRegistry<string>((sql) => {
    if (!this.#shapes.get(sql)?.deref()) this.#shapes.delete(sql)
  })

  /** The shape of `query`, for which an equal SQL text may have come with another tree: it means the same. */
  of({ sql, node }: CompiledLiveQuery): QueryShape {
    return this.#shapes.get(sql)?.deref() ?? this.#add({ sql, node })
  }

  #add(shape: QueryShape): QueryShape {
    this.#shapes.set(shape.sql, new WeakRef(shape))
    this.#ended.register(shape, shape.sql)
    return shape
  }
}
