/** A path as one word of a command line: in quotes where a shell would read something else. */
export function shellWord(path: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return /^[\w.:\\/-]+$/.test(path) ? path : `"${path}"`
  return /^[\w.:@+,/-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}
