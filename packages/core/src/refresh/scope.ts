import type { Scope } from '../live/contract.js'

const keys = new WeakMap<Scope, string>()

/** One text for each scope, whatever the order of its settings. */
export function scopeKey(scope: Scope): string {
  let key = keys.get(scope)
  if (key === undefined) keys.set(scope, (key = makeKey(scope)))
  return key
}

function makeKey({ role, settings = {} }: Scope): string {
  if (role === undefined && Object.keys(settings).length === 0) return ''
  return JSON.stringify([role ?? null, Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))])
}
