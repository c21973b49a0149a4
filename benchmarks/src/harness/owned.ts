/** Ends what it owns in the opposite order; Node 20 has no `AsyncDisposableStack`. */
export class Owned implements AsyncDisposable {
  readonly #resources: AsyncDisposable[] = []

  use<Resource extends AsyncDisposable>(resource: Resource): Resource {
    this.#resources.push(resource)
    return resource
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let resource = this.#resources.pop(); resource; resource = this.#resources.pop()) {
      await resource[Symbol.asyncDispose]()
    }
  }
}
