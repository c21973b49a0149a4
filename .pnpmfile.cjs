/**
 * Kysely 0.29 asks for Node 22, and runs on Node 20: the tests on it show that there. Without this hook `engineStrict`
 * would refuse to install it.
 *
 * @param {{ name: string; version: string; engines?: unknown }} manifest
 */
function readPackage(manifest) {
  if (manifest.name === 'kysely' && manifest.version.startsWith('0.29.')) delete manifest.engines
  return manifest
}

module.exports = { hooks: { readPackage } }
