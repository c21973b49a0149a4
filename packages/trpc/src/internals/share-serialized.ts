import { outputTransformer, type DataTransformer, type Transformer } from './transformer.js'

/** Lists of rows that several subscribers are sent, the identical list for each of them. */
const shared = new WeakSet<object>()

/** The list is sent to several subscribers, and does not change any more. */
export function markShared<List extends object>(list: List): List {
  shared.add(list)
  return list
}

/** A transformer for each direction, as tRPC takes it. */
export interface TransformerPair {
  readonly input: DataTransformer
  readonly output: DataTransformer
}

/**
 * A transformer for `initTRPC.create` that walks the rows of a live query once for all of its subscribers, and not once
 * for each. It is of use for clients without `liveLink`: what `liveLink` is sent, no transformer walks. Everything else is
 * given to `transformer` as ever.
 *
 * @example
 * const t = initTRPC.create({ transformer: shareSerialized(superjson) })
 * const live = createLive(realtime, { transformer: superjson })
 */
export function shareSerialized(transformer: Transformer): TransformerPair {
  const input = 'input' in transformer ? transformer.input : transformer
  const output = outputTransformer(transformer)
  const serialized = new WeakMap<object, unknown>()
  return {
    input,
    output: {
      serialize(value) {
        if (typeof value !== 'object' || value === null || !shared.has(value)) return output.serialize(value)
        let result = serialized.get(value)
        if (result === undefined) serialized.set(value, (result = output.serialize(value)))
        return result
      },
      deserialize: (value) => output.deserialize(value),
    },
  }
}
