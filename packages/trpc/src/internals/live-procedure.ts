import { receive, type ReceivedInput } from '../protocol.js'

/** Where the middleware leaves what it took out of the input: a symbol, so that no context of an application has it. */
const RECEIVED = Symbol.for('pg-realtime.trpc.received')

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
  return options.next({ ctx: { [RECEIVED]: received }, getRawInput: () => Promise.resolve(received.input) })
}

/** What the client said about itself, and the input that its procedure's parsers made. */
export async function receiveCall(options: CallOptions): Promise<ReceivedInput> {
  const taken = (options.ctx as { [RECEIVED]?: ReceivedInput } | undefined)?.[RECEIVED]
  if (taken) return { ...taken, input: options.input }
  const received = receive(await options.getRawInput?.())
  // A schema that lets unknown keys pass leaves the announcement in the parsed input.
  return { ...received, input: receive(options.input).announcement ? received.input : options.input }
}
