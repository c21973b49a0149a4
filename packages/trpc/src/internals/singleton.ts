const REGISTRY = Symbol.for('pg-realtime.trpc.singletons')

/**
 * One value per process, by name: under a bundler's hot reload, which runs a module again and again, `create` is called
 * once, and later calls with the same name get the same value.
 *
 * @example
 * ```ts
 * export const realtime = singleton('realtime', () => createRealtime({ db, pool }))
 * ```
 */
export function singleton<Value>(name: string, create: () => Value): Value {
  const holder = globalThis as { [REGISTRY]?: Map<string, unknown> }
  const values = (holder[REGISTRY] ??= new Map())
  if (!values.has(name)) values.set(name, create())
  return values.get(name) as Value
}
