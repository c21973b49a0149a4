export { liveSocket } from './internals/live-socket.js'
export type { Clock } from './internals/clock.js'
export { createLive } from './internals/create-live.js'
export { liveProcedure } from './internals/live-procedure.js'
export type {
  CreateLiveOptions,
  Live,
  LiveProcedureResolver,
  LiveResolver,
  LiveSingle,
  LiveSubscriptionOptions,
  MaybePromise,
  OptionsFor,
} from './internals/live-types.js'
export type { WireRow, WireValue } from './internals/projection.js'
export { shareSerialized, type TransformerPair } from './internals/share-serialized.js'
export { singleton } from './internals/singleton.js'
export type { DataTransformer, Transformer } from './internals/transformer.js'
