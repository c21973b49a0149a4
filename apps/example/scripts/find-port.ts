import { createServer } from 'node:net'

/** The wanted port if nobody listens there on either loopback address, else a free one. */
export async function findPort(wanted: number): Promise<number> {
  const isFree = (await tryPort(wanted, '127.0.0.1')) !== undefined && (await tryPort(wanted, '::1')) !== undefined
  return isFree ? wanted : (await tryPort(0, '127.0.0.1'))!
}

/** The port, if it could be listened on, or if the machine does not have the address at all. */
function tryPort(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE' ? undefined : port))
    server.listen(port, host, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port))
    })
  })
}
