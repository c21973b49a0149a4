import { expect, test } from 'vitest'
import type { Plan } from '../analyze/plan.js'
import { PreparedNames } from './prepared.js'
import { Shape } from './shape.js'

const MOST = 200

const plan = { sql: 'select 1', parameterTypes: [], timeDependent: [], opaqueFunctions: [] } as unknown as Plan

const shapesOf = (count: number) => Array.from({ length: count }, (_, n) => new Shape(n, plan))

/** A connection, and what is prepared on it. */
class Connection {
  readonly names = new PreparedNames()
  readonly prepared = new Set<string>()

  /** One message; `end`: after so many statements the server refuses one. */
  use(shapes: readonly Shape[], end = Infinity): void {
    const missing = shapes.filter((shape) => this.names.of(shape) === undefined)
    const room = this.names.makeRoom(new Set(shapes))
    const preparations = missing.map((shape) => this.names.prepare(shape))
    const statements = [...room, ...preparations.map(({ statement }) => statement)]
    for (const statement of statements.slice(0, end)) this.run(statement)
    if (end < statements.length) return
    for (const { done } of preparations) done()
    for (const shape of shapes) this.run(`EXECUTE ${this.names.of(shape)}`)
  }

  run(statement: string): void {
    const [, verb, name] = /^(\w+) (\w+)/.exec(statement)!
    if (verb !== 'PREPARE' && !this.prepared.has(name!)) throw new Error(`prepared statement "${name}" does not exist`)
    if (verb === 'PREPARE') this.prepared.add(name!)
    if (verb === 'DEALLOCATE') this.prepared.delete(name!)
  }
}

test('those that were used least recently make room, each once, however many shapes one message prepares', () => {
  const connection = new Connection()
  const [old, other, young] = [shapesOf(MOST), shapesOf(2), shapesOf(3)]
  connection.use(old)
  connection.use(old.slice(0, 1))
  connection.use(other)
  connection.use([...young, old[0]!])
  expect(connection.prepared.size).toBe(MOST)
  expect(old.map((shape) => connection.names.of(shape) !== undefined)).toEqual(old.map((_, n) => n === 0 || n > 5))
})

test('no shape of a message makes room for another one of it', () => {
  const connection = new Connection()
  const shapes = shapesOf(2 * MOST)
  connection.use(shapes.slice(0, MOST))
  connection.use(shapes)
  connection.use(shapesOf(1))
  expect(connection.prepared.size).toBe(MOST)
})

test('what was forgotten is removed with the next preparation, once', () => {
  const connection = new Connection()
  const shapes = shapesOf(3)
  connection.use(shapes)
  for (const shape of [...shapes, ...shapes]) connection.names.forget(shape)
  connection.use(shapes)
  connection.use(shapesOf(1))
  expect(connection.prepared.size).toBe(4)
})

test('a message that fails after it has made room does not make it again', () => {
  const connection = new Connection()
  connection.use(shapesOf(MOST))
  connection.use(shapesOf(2), 2)
  expect(connection.prepared.size).toBe(MOST - 2)
  connection.use(shapesOf(4))
  expect(connection.prepared.size).toBe(MOST)
})

test('a connection that is somebody else’s afterwards is left with nothing', () => {
  const connection = new Connection()
  const shapes = shapesOf(3)
  connection.use(shapes)
  connection.names.forget(shapes[1]!)
  for (const statement of connection.names.removal()) connection.run(statement)
  expect(connection.prepared.size).toBe(0)
})
