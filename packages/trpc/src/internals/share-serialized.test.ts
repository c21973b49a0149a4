import { initTRPC } from '@trpc/server'
import superjson from 'superjson'
import { expect, test, vi } from 'vitest'
import { Projection } from './projection.js'
import { shareSerialized } from './share-serialized.js'

const rows = Object.freeze([{ id: 1, at: new Date(0) }])

function counted() {
  const serialize = vi.fn((value: unknown) => superjson.serialize(value))
  return { serialize, deserialize: (value: unknown) => superjson.deserialize(value as never) }
}

test('the rows of a live query are serialised once for all subscribers, and arrive as they were', () => {
  const transformer = counted()
  const { output } = shareSerialized(transformer)
  const projection = new Projection(transformer, undefined)
  const first = output.serialize(projection.values(rows))
  expect(output.serialize(projection.values(rows))).toBe(first)
  expect(transformer.serialize).toHaveBeenCalledTimes(1)
  expect(output.deserialize(first)).toEqual(rows)
})

test('other rows are serialised anew', () => {
  const { output } = shareSerialized(superjson)
  const projection = new Projection(superjson, undefined)
  output.serialize(projection.values(rows))
  const others = [{ id: 2, at: new Date(1) }]
  expect(output.deserialize(output.serialize(projection.values(others)))).toEqual(others)
})

test('whatever is no list of a live query is serialised each time: it may have changed', () => {
  const { output } = shareSerialized(superjson)
  const value = { count: 1 }
  output.serialize(value)
  value.count = 2
  expect(output.deserialize(output.serialize(value))).toEqual({ count: 2 })
  for (const plain of [undefined, null, 'text', 1n]) {
    expect(output.deserialize(output.serialize(plain))).toEqual(plain)
  }
})

test('one transformer for each direction keeps its directions', () => {
  const input = counted()
  const output = counted()
  const pair = shareSerialized({ input, output })
  pair.input.serialize(1)
  pair.output.serialize(1)
  expect(input.serialize).toHaveBeenCalledTimes(1)
  expect(output.serialize).toHaveBeenCalledTimes(1)
})

test('tRPC takes it', async () => {
  const t = initTRPC.create({ transformer: shareSerialized(superjson) })
  const router = t.router({ now: t.procedure.query(() => new Date(0)) })
  expect(await t.createCallerFactory(router)({}).now()).toEqual(new Date(0))
})
