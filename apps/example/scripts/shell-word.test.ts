import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { shellWord } from './shell-word'

it.each(['/home/ada/pg-realtime', '/home/ada/my clones/it is', `/srv/it's $HOME "here" \\ there`])(
  'a shell reads %s as it is',
  (path) => {
    expect(execFileSync('sh', ['-c', `printf %s ${shellWord(path, 'linux')}`], { encoding: 'utf8' })).toBe(path)
  },
)

it('quotes only where it must', () => {
  expect(shellWord('/home/ada/pg-realtime', 'linux')).toBe('/home/ada/pg-realtime')
  expect(shellWord('C:\\clones\\pg-realtime', 'win32')).toBe('C:\\clones\\pg-realtime')
  expect(shellWord('C:\\my clones\\pg-realtime', 'win32')).toBe('"C:\\my clones\\pg-realtime"')
})
