/**
 * Operation nodes as JSON. Parameters that JSON cannot hold are wrapped; a node that stands in several places is
 * written once, because builders share nodes and that is a trap worth keeping.
 */
export function encodeNode(root: unknown): unknown {
  const uses = countUses(root)
  const numbers = new Map<object, number>()
  const encode = (value: unknown): unknown => {
    if (value === undefined) return { $: 'undefined' }
    if (typeof value === 'bigint') return { $: 'bigint', value: String(value) }
    if (typeof value === 'number' && !Number.isFinite(value)) return { $: 'number', value: String(value) }
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof Date) return { $: 'date', value: value.toISOString() }
    if (value instanceof Uint8Array) return { $: 'bytes', value: Buffer.from(value).toString('hex') }
    if (Array.isArray(value)) return value.map(encode)
    const known = numbers.get(value)
    if (known !== undefined) return { $: 'again', value: known }
    if ((uses.get(value) ?? 0) < 2) return encodeEntries(value)
    numbers.set(value, numbers.size)
    return { $: 'shared', value: encodeEntries(value) }
  }
  const encodeEntries = (value: object) =>
    Object.fromEntries(
      Object.entries(value)
        .filter(([, entry]) => entry !== undefined)
        .map(([key, entry]) => [key, encode(entry)]),
    )
  return encode(root)
}

function countUses(root: unknown): Map<object, number> {
  const uses = new Map<object, number>()
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return
    if (Array.isArray(value)) return value.forEach(visit)
    const seen = uses.get(value) ?? 0
    uses.set(value, seen + 1)
    if (seen === 0) Object.values(value).forEach(visit)
  }
  visit(root)
  return uses
}

export function decodeNode(encoded: unknown): unknown {
  const shared: unknown[] = []
  const decode = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return Object.freeze(value.map(decode))
    if (!('$' in value)) return decodeEntries(value)
    const wrapped = value as { readonly $: string; readonly value?: unknown }
    switch (wrapped.$) {
      case 'undefined':
        return undefined
      case 'bigint':
        return BigInt(wrapped.value as string)
      case 'number':
        return Number(wrapped.value)
      case 'date':
        return new Date(wrapped.value as string)
      case 'bytes':
        return Buffer.from(wrapped.value as string, 'hex')
      case 'again':
        return shared[wrapped.value as number]
      case 'shared': {
        const index = shared.push(undefined) - 1
        return (shared[index] = decodeEntries(wrapped.value as object))
      }
      default:
        throw new Error(`unknown wrapper ${wrapped.$}`)
    }
  }
  const decodeEntries = (value: object) =>
    Object.freeze(Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, decode(entry)])))
  return decode(encoded)
}
