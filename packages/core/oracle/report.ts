import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Case, Round } from './case.js'
import type { Failure } from './run/runner.js'

const REGRESSIONS = fileURLToPath(new URL('./regressions/', import.meta.url))

/** A case that failed once and must not fail again. */
export interface Regression {
  /** What was wrong, in a sentence. */
  readonly title: string
  readonly case: Case
}

export async function readRegressions(): Promise<readonly (Regression & { readonly file: string })[]> {
  await mkdir(REGRESSIONS, { recursive: true })
  const files = (await readdir(REGRESSIONS)).filter((file) => file.endsWith('.json')).sort()
  return Promise.all(
    files.map(async (file) => ({ file, ...(JSON.parse(await readFile(REGRESSIONS + file, 'utf8')) as Regression) })),
  )
}

/** Returns the file's path. */
export async function saveRegression(name: string, regression: Regression): Promise<string> {
  await mkdir(REGRESSIONS, { recursive: true })
  const path = `${REGRESSIONS}${name}.json`
  await writeFile(path, `${JSON.stringify(regression, undefined, 1)}\n`)
  return path
}

export function describeFailure(failure: Failure, input: Case): string {
  const query = input.queries.find(({ id }) => id === failure.query)
  const lines = [
    `${failure.kind} in round ${failure.round} of ${input.rounds.length}, seed ${input.seed}`,
    failure.message,
  ]
  if (query)
    lines.push(`query ${query.id}: ${query.sql}`, ...(query.scope ? [`scope: ${JSON.stringify(query.scope)}`] : []))
  return lines.join('\n')
}

/** A case as SQL that a reader can follow. */
export function describeCase(input: Case): string {
  return [
    `-- ${JSON.stringify(input.settings)}`,
    ...input.ddl.map((statement) => `${statement};`),
    ...input.queries.map((query) => {
      const scope = query.scope ? ` -- scope ${JSON.stringify(query.scope)}` : ''
      const refresh = query.refresh ? `\n-- refresh ${JSON.stringify(query.refresh)}` : ''
      return `-- live ${query.initial ? 'from the beginning' : 'later'}, ${query.id}:\n${query.sql}${scope}${refresh}`
    }),
    ...input.rounds.map(describeRound),
  ].join('\n')
}

function describeRound(round: Round, index: number): string {
  const steps = round.steps.map((step) => {
    if (step.kind === 'sql') return `/* session ${step.session} */ ${step.sql};`
    if (step.kind === 'tick') return '-- a tick begins'
    return step.kind === 'kill' ? '-- every connection of the engine is ended' : `-- ${step.kind} ${step.query}`
  })
  return [`-- round ${index}${round.parallel ? ', sessions side by side' : ''}`, ...steps].join('\n')
}
