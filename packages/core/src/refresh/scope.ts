import type { Scope } from '../live/contract.js'

const keys = new WeakMap<Scope, string>()

/** A copy, which nobody can change, with its settings in the order in which they are set. */
export function ownScope({ role, settings }: Scope): Scope {
  const scope: Scope = Object.freeze({
    ...(role !== undefined && { role }),
    ...(settings && { settings: Object.freeze(Object.fromEntries(sorted(settings))) }),
  })
  keys.set(scope, makeKey(scope))
  return scope
}

/** One text for each scope, whatever the order of its settings. */
export function scopeKey(scope: Scope): string {
  return keys.get(scope) ?? makeKey(scope)
}

function makeKey({ role, settings = {} }: Scope): string {
  if (role === undefined && Object.keys(settings).length === 0) return ''
  return JSON.stringify([role ?? null, sorted(settings)])
}

function sorted(settings: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))
}
