type Method = (...args: never[]) => unknown
type Methods<Class> = { [Name in keyof Class]: Class[Name] extends Method ? Name : never }[keyof Class]
type Called<Class, Name extends keyof Class> = Class[Name] extends (...args: infer Args) => infer Result
  ? (this: Class, ...args: Args) => Result
  : never

/**
 * Puts a method in the place of a class's own, for all of its objects in this process, until it is disposed of.
 * `original` is the class's own, bound to the object that the method is called on.
 */
export function replaceMethod<Class extends object, Name extends Methods<Class>>(
  prototype: Class,
  name: Name,
  replacement: (original: Class[Name], object: Class) => Called<Class, Name>,
): Disposable {
  type Plain = (this: Class, ...args: unknown[]) => unknown
  const own = prototype[name] as Plain
  const method: Plain = function (...args) {
    return (replacement(own.bind(this) as Class[Name], this) as Plain).apply(this, args)
  }
  Object.assign(prototype, { [name]: method })
  return { [Symbol.dispose]: () => void Object.assign(prototype, { [name]: own }) }
}
