import { LiveInstance } from '../../src/live/live-instance.js'
import { Questioner } from '../../src/route/questioner.js'
import { Shape } from '../../src/route/shape.js'
import { replaceMethod } from './replace-method.js'

/** How changes found live queries in a run: whether the look-ups and the questions were exercised at all. */
export interface RoutingCounts {
  /** Changed rows for which each instance of a shape was a hit. */
  every: number
  /** Instances found, and passed by, by the values of a changed row. */
  foundByValues: number
  passedByValues: number
  /** Questions that were answered, those whose answer was empty, and the instances that answers led to. */
  questions: number
  emptyAnswers: number
  foundByQuestions: number
  /** Questions that had no answer. */
  unanswered: number
  /** Results of which a part was read again, and those where that did not do. */
  parts: number
  misfits: number
}

export interface RoutingWatch extends Disposable {
  readonly counts: RoutingCounts
  /** What PostgreSQL answered to a question that is wrong as SQL. */
  readonly refused: string[]
}

/** Listens to every engine of this process. */
export function watchRouting(): RoutingWatch {
  const counts: RoutingCounts = {
    every: 0,
    foundByValues: 0,
    passedByValues: 0,
    questions: 0,
    emptyAnswers: 0,
    foundByQuestions: 0,
    unanswered: 0,
    parts: 0,
    misfits: 0,
  }
  const refused: string[] = []
  const watched = [
    replaceMethod(Shape.prototype, 'relevantImages', (original) => (way, change) => {
      const images = original(way, change)
      if (way.kind === 'every' && images.length > 0) counts.every++
      return images
    }),
    replaceMethod(
      Shape.prototype,
      'found',
      (original, shape) =>
        function* (way, image) {
          const queries = [...original(way, image)]
          counts.foundByValues += queries.length
          counts.passedByValues += shape.queries.size - queries.length
          yield* queries
        },
    ),
    replaceMethod(LiveInstance.prototype, 'splice', (original) => (...part) => {
      const texts = original(...part)
      counts[texts ? 'parts' : 'misfits']++
      return texts
    }),
    replaceMethod(Shape.prototype, 'answered', (original) => (way, values) => {
      const queries = [...original(way, values)]
      counts.foundByQuestions += queries.length
      return queries
    }),
    replaceMethod(Questioner.prototype, 'ask', (original) => async (reader, inquiries, changes) => {
      const answers = await original(reader, inquiries, changes)
      for (const answer of answers) {
        if (answer.kind === 'rows') counts.questions++
        else counts.unanswered++
        if (answer.kind === 'rows' && answer.rows.length === 0) counts.emptyAnswers++
        if (answer.kind === 'unknown' && answer.reason.includes('refused')) refused.push(answer.reason)
      }
      return answers
    }),
  ]
  return {
    counts,
    refused,
    [Symbol.dispose]: () => {
      for (const one of watched.reverse()) one[Symbol.dispose]()
    },
  }
}

/** An error of the program itself, which the engine may have survived: it is a bug all the same. */
export function isProgrammingError(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 10; cause = cause.cause, depth++) {
    if ([TypeError, ReferenceError, RangeError, SyntaxError].some((type) => cause instanceof type)) return true
    if (/is not a function|cannot read propert|is not iterable|is not defined/i.test(cause.message)) return true
  }
  return false
}
