/** PostgreSQL's wire protocol cut into messages: a type byte (except in the first message) and a length before the body. */

export interface Frame {
  /** A letter, or '' for the untyped messages that open a connection. */
  readonly type: string
  readonly body: Buffer
  /** The whole message as it came. */
  readonly bytes: Buffer
}

export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)
  /** True until the client's startup message has been read. */
  untyped: boolean

  constructor(options: { readonly untyped: boolean }) {
    this.untyped = options.untyped
  }

  /** Yields one message after the other, so that reading one can change how the next is read. */
  *push(chunk: Buffer): Generator<Frame> {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) yield frame
  }

  #next(): Frame | undefined {
    const start = this.untyped ? 0 : 1
    if (this.#rest.length < start + 4) return undefined
    const end = start + this.#rest.readInt32BE(start)
    if (this.#rest.length < end) return undefined
    const bytes = this.#rest.subarray(0, end)
    this.#rest = this.#rest.subarray(end)
    return { type: this.untyped ? '' : String.fromCharCode(bytes[0]!), body: bytes.subarray(start + 4), bytes }
  }
}

export function message(type: string, ...parts: (string | number | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map(encode))
  const header = Buffer.alloc(5)
  header.write(type, 0, 'latin1')
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}

function encode(part: string | number | Buffer): Buffer {
  if (typeof part === 'string') return Buffer.from(`${part}\0`)
  if (typeof part !== 'number') return part
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(part)
  return bytes
}
