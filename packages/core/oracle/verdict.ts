import type { Failure } from './run/runner.js'

/**
 * Which failure of a case counts.
 *
 *   something is wrong (rows, patches, order, a write, the engine's own code) ──► counts, whatever a second run shows
 *   the environment failed (a limit of time, a lost connection, no start)     ──► counts if the second run fails too
 *
 * Wrong results depend on the schedule: a case that is right the second time was wrong all the same.
 */
export async function verdictOf(
  first: readonly Failure[],
  again?: (failure: Failure) => Promise<readonly Failure[]>,
): Promise<Failure | undefined> {
  const failure = gravest(first)
  if (!failure || !again || !isOfEnvironment(failure)) return failure
  return gravest(await again(failure))
}

/** What is wrong stands above what the environment did, whichever was noticed first. */
function gravest(failures: readonly Failure[]): Failure | undefined {
  return failures.find((failure) => !isOfEnvironment(failure)) ?? failures[0]
}

/** Whether a failure says something of the machine, and nothing of the engine. */
export function isOfEnvironment({ kind, message }: Pick<Failure, 'kind' | 'message'>): boolean {
  switch (kind) {
    case 'hang':
    case 'aborted':
      return true
    case 'barrier':
    case 'refused':
    case 'write':
      // What follows the first line is SQL.
      return ENVIRONMENT.test(message.split('\n')[0]!)
    case 'stale':
    case 'history':
    case 'subscriber':
    case 'error':
      return false
  }
}

/** A lost connection, by SQLSTATE, by Node's code or in words; a server that takes none; a statement's time limit. */
const ENVIRONMENT = new RegExp(
  [
    '^(08[0-9A-Z]{3}|57P0[1-5]|53300|57014) ',
    'ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|^ConnectionLostError',
    'connection terminated|terminating connection|the database system is|too many clients|statement timeout',
  ].join('|'),
  'i',
)
