/** Something took so long that it will probably never end. */
export class HangError extends Error {}

export async function within<T>(promise: Promise<T>, milliseconds: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HangError(`${what} took more than ${milliseconds} ms`)), milliseconds)
  })
  // What ends later, ends unseen.
  promise.catch(() => {})
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer))
}
