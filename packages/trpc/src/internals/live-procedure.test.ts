import { initTRPC } from '@trpc/server'
import superjson from 'superjson'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Reader } from '../../test/support/calls.js'
import { one, setup } from '../../test/support/items.js'
import { announce, formatEventId } from '../protocol.js'
import type { Call } from './live-types.js'
import { liveProcedure } from './live-procedure.js'

type Subscribe = (input?: unknown) => Promise<AsyncIterable<unknown, void>>
type Caller = Readonly<Record<'inner' | 'text' | 'outer' | 'again', Subscribe>>

/** A live procedure whose resolver calls others with the context that it was given. */
function nested() {
  const { realtime, live, items } = setup()
  const t = initTRPC.create({ transformer: superjson })
  const callerOf = (ctx: unknown) => router.createCaller(ctx as object) as unknown as Caller
  const found: unknown[] = []
  const lookAt = async (subscription: Promise<AsyncIterable<unknown, void>>) => {
    await using reader = new Reader(await subscription)
    found.push(await reader.value())
  }
  const procedure = liveProcedure(t.procedure)
  const router = t.router({
    inner: t.procedure.subscription(live((_: Call) => items)),
    text: procedure
      .input(z.string())
      .subscription(live(({ input }: Call) => items.where('name', '=', input as string))),
    outer: procedure.input(z.void()).subscription(
      live(async ({ ctx }: Call) => {
        await lookAt(callerOf(ctx).inner())
        await lookAt(callerOf(ctx).text('one'))
        return items
      }),
    ),
    again: procedure.input(z.boolean().optional()).subscription(
      live(async ({ ctx, input }: Call) => {
        if (input === undefined) await lookAt(callerOf(ctx).again(false))
        return items
      }),
    ),
  })
  return { realtime, call: callerOf({}), found }
}

const resume = formatEventId({ version: 'v1', snapshot: '7.1.10:10:', state: 'e.1' })
const announced = announce(undefined, { transformer: true, resume })

test.each(['outer', 'again'] as const)('what a client announced counts for its own call alone (%s)', async (name) => {
  const { call, found } = nested()
  await using reader = new Reader(await call[name](announced))
  expect(await reader.message()).toMatchObject({ kind: 'rows', status: 'live' })
  expect(found).toEqual(name === 'outer' ? [one, one] : [one])
})

test('the input that was given reaches the schema and the resolver', async () => {
  const { realtime, call } = nested()
  await using reader = new Reader(await call.text(announce('one', { transformer: true, resume: undefined })))
  expect(await reader.message()).toMatchObject({ kind: 'rows' })
  expect(realtime.opened).toEqual(['select "id", "name" from "items" where "name" = $1'])
})

describe('a schema that lets unknown keys pass, without liveProcedure', () => {
  function loose() {
    const { live, items } = setup()
    const t = initTRPC.create({ transformer: superjson })
    const seen: unknown[] = []
    const schema = z.looseObject({ name: z.string().trim(), limit: z.coerce.number().default(10) })
    const router = t.router({
      items: t.procedure.input(schema).subscription(
        live(({ input }: Call) => {
          seen.push(input)
          return items
        }),
      ),
    })
    const call = (router.createCaller({}) as unknown as { items: Subscribe }).items
    return { call, seen }
  }
  const options = { transformer: true, resume }

  test('makes the resolver’s input', async () => {
    const { call, seen } = loose()
    const raw = { ...announce({ name: ' one ', limit: '3', more: true }, options), lastEventId: resume }
    await using reader = new Reader(await call(raw))
    expect(await reader.message()).toMatchObject({ kind: 'rows' })
    expect(seen).toEqual([{ name: 'one', limit: 3, more: true }])
  })

  test.each(['undefined', 'null', 'value'])('is not got round by an announcement (%s)', async (shape) => {
    const { call, seen } = loose()
    const announcement = { protocol: 2, transformer: true, shape, value: { name: 1 } }
    const reader = new Reader(await call({ name: 'one', '~live': announcement }))
    await expect(reader.next()).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(seen).toEqual([])
  })
})
