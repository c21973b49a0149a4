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
