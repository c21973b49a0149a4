/** PostgreSQL refuses to run as root. Root runs it as "nobody", everybody else as themselves. */
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'

const nobody = 65534

export interface ServerUser {
  /** Options for `spawn`: empty if the server runs as the current user. */
  readonly identity: { readonly uid?: number; readonly gid?: number }
  /** A folder for temporary files that the server's user can reach, whatever TMPDIR says. */
  readonly temporaryFolder: string
}

export const serverUser: ServerUser = findServerUser()

function findServerUser(): ServerUser {
  if (process.getuid?.() !== 0) return { identity: {}, temporaryFolder: tmpdir() }
  const identity = { uid: nobody, gid: nobody }
  const reachable = [tmpdir(), '/tmp', '/var/tmp'].find((folder) => canEnter(folder, identity))
  return { identity, temporaryFolder: reachable ?? tmpdir() }
}

function canEnter(folder: string, identity: { uid: number; gid: number }): boolean {
  return spawnSync('/bin/sh', ['-c', ':'], { ...identity, cwd: folder, stdio: 'ignore' }).status === 0
}
