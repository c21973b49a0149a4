/** Serialises values for the wire: `superjson`, or tRPC's form with one transformer for each direction. */
export type Transformer = DataTransformer | { readonly input: DataTransformer; readonly output: DataTransformer }

// Methods, not properties: a transformer may ask for a narrower argument than `unknown`.
export interface DataTransformer {
  serialize(value: unknown): unknown
  deserialize(value: unknown): unknown
}

const identity: DataTransformer = { serialize: (value) => value, deserialize: (value) => value }

/** The transformer of what goes from server to client. */
export function outputTransformer(transformer: Transformer | undefined): DataTransformer {
  if (!transformer) return identity
  return 'output' in transformer ? transformer.output : transformer
}

/**
 * What superjson wrapped, where that is all it did: JSON as it stands, which comes back as that. Undefined for what it says
 * more about, and for every other transformer: nobody knows what those make of plain JSON, a `Date` of a text for example.
 */
export function plainForm(transformer: DataTransformer, serialized: unknown): unknown {
  if (!isSuperjson(transformer)) return undefined
  const { json, meta } = serialized as { readonly json: unknown; readonly meta?: unknown }
  return meta === undefined ? json : undefined
}

/** The class and its instances, whichever copy of the module they come from. */
function isSuperjson(transformer: DataTransformer): boolean {
  const { registerCustom, registerClass } = transformer as { registerCustom?: unknown; registerClass?: unknown }
  return typeof registerCustom === 'function' && typeof registerClass === 'function'
}
