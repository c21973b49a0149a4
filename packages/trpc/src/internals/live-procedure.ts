import { TRPCError } from '@trpc/server'
import { receive, type ReceivedInput } from '../protocol.js'

/** Where the middleware leaves what it took out of the input: a symbol, so that no context of an application has it. */
const RECEIVED = Symbol.for('pg-realtime.trpc.received')

interface Taken {
  readonly received: ReceivedInput
  /** Tells the call that it was taken from: procedures that are called from there with its context have another one. */
  readonly getRawInput: () => Promise<unknown>
}

interface CallOptions {
  readonly ctx?: unknown
  readonly input?: unknown
  readonly getRawInput?: () => Promise<unknown>
}

/**
 * A procedure builder whose `.input(…)` may be anything (`z.void()`, `z.strictObject(…)`, `z.string()`, an array), and
 * that `liveLink` clients can still negotiate with. Without it those clients are served plain rows for such inputs. Put it
 * first, before any `.input(…)`:
 *
 * @example
 * ```ts
 * const publicProcedure = liveProcedure(t.procedure)
 * ```
 */
export function liveProcedure<Builder extends object>(procedure: Builder): Builder {
  return (procedure as unknown as { use(middleware: typeof takeAnnouncement): Builder }).use(takeAnnouncement)
}

async function takeAnnouncement<Result>(
  options: CallOptions & { readonly next: (overrides?: object) => Promise<Result> },
): Promise<Result> {
  const received = receive(await options.getRawInput?.())
  if (!received.announcement) return options.next()
  const getRawInput = () => Promise.resolve(received.input)
  const taken: Taken = { received, getRawInput }
  return options.next({ ctx: { [RECEIVED]: taken }, getRawInput })
}

/** What the client said about itself, and the input that its procedure's parsers made. */
export async function receiveCall(options: CallOptions): Promise<ReceivedInput> {
  const taken = (options.ctx as { [RECEIVED]?: Taken } | undefined)?.[RECEIVED]
  // Code of an application that calls what `live(…)` made may leave it out.
  const { getRawInput = taken?.getRawInput } = options
  if (taken && taken.getRawInput === getRawInput) return { ...taken.received, input: options.input }
  const received = receive(await options.getRawInput?.())
  return { ...received, input: withoutAnnouncement(options.input) }
}

/**
 * A schema that lets unknown keys pass leaves the announcement in what it made of the input. What travels inside of that no
 * schema has seen, so it is refused, as by a schema that does: the link asks again without.
 */
function withoutAnnouncement(parsed: unknown): unknown {
  const { announcement, input } = receive(parsed)
  if (!announcement) return parsed
  if (announcement.shape === 'object') return input
  throw new TRPCError({
    code: 'BAD_REQUEST',
    message: 'No schema has seen this input: build the procedure from liveProcedure().',
  })
}
