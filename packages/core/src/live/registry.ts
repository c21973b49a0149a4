import { InvalidOptionError } from '../errors.js'
import { scopeKey } from '../refresh/scope.js'
import type { Scope } from './contract.js'
import type { LiveHandle } from './live-handle.js'
import type { LiveInstance } from './live-instance.js'

/** The open live queries, by identity, and their handles, by `id` within a scope. */
export class Registry {
  readonly #instances = new Map<string, LiveInstance>()
  readonly #handles = new Set<LiveHandle>()
  readonly #byId = new Map<string, LiveHandle>()

  get instances(): IterableIterator<LiveInstance> {
    return this.#instances.values()
  }

  get handles(): IterableIterator<LiveHandle> {
    return this.#handles.values()
  }

  get size(): number {
    return this.#instances.size
  }

  instance(identity: string): LiveInstance | undefined {
    return this.#instances.get(identity)
  }

  addInstance(instance: LiveInstance): void {
    this.#instances.set(instance.identity, instance)
  }

  removeInstance(instance: LiveInstance): void {
    if (this.#instances.get(instance.identity) === instance) this.#instances.delete(instance.identity)
  }

  handle(id: string, scope: Scope): LiveHandle | undefined {
    return this.#byId.get(idKey(id, scope))
  }

  /** Throws if the id is taken, before anything is opened. */
  checkId(id: string | undefined, scope: Scope): void {
    if (id === undefined || !this.handle(id, scope)) return
    throw new InvalidOptionError(
      `A live query with the id "${id}" is open: get("${id}") returns it, its replace() gives it another query, and its close() frees the id.`,
    )
  }

  addHandle(handle: LiveHandle): void {
    this.#handles.add(handle)
    if (handle.id !== undefined) this.#byId.set(idKey(handle.id, handle.scope), handle)
  }

  removeHandle(handle: LiveHandle): void {
    this.#handles.delete(handle)
    if (handle.id !== undefined) this.#byId.delete(idKey(handle.id, handle.scope))
  }
}

function idKey(id: string, scope: Scope): string {
  return JSON.stringify([id, scopeKey(scope)])
}
