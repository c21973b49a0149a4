import type { CompiledLiveQuery } from './compile.js'

type Shape = Pick<CompiledLiveQuery, 'sql' | 'node'>

/**
 * One SQL text and one tree for all live queries of a shape: a plan is about the shape, and a tree takes more memory than
 * everything else that a live query holds. Kept for as long as a live query has it.
 */
export class SharedShapes {
  readonly #shapes = new Map<string, WeakRef<Shape>>()
  readonly #ended = new FinalizationRegistry<string>((sql) => {
    if (!this.#shapes.get(sql)?.deref()) this.#shapes.delete(sql)
  })

  share(query: CompiledLiveQuery): CompiledLiveQuery & { readonly shape: Shape } {
    const shape = this.#shapes.get(query.sql)?.deref() ?? this.#add({ sql: query.sql, node: query.node })
    return { ...query, ...shape, shape }
  }

  #add(shape: Shape): Shape {
    this.#shapes.set(shape.sql, new WeakRef(shape))
    this.#ended.register(shape, shape.sql)
    return shape
  }
}
