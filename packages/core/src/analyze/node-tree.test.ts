import { expect, test } from 'vitest'
import { isNode, isTrue, numberOf, parseNodeTree, type TreeNode } from './node-tree.js'

function node(text: string): TreeNode {
  const tree = parseNodeTree(text)
  if (!isNode(tree)) throw new Error('not a node')
  return tree
}

test('nodes have a label and fields', () => {
  const tree = node('{RTE :rtekind 0 :relid 16384 :inh true :alias <> :eref {ALIAS :aliasname t}}')
  expect(tree.label).toBe('RTE')
  expect(numberOf(tree, 'relid')).toBe(16384)
  expect(isTrue(tree, 'inh')).toBe(true)
  expect(tree.fields.get('alias')).toBeUndefined()
  expect(tree.fields.get('eref')).toEqual({ label: 'ALIAS', fields: new Map([['aliasname', 't']]) })
  expect(numberOf(tree, 'absent')).toBeUndefined()
})

test('lists nest, and may be empty or typed', () => {
  expect(parseNodeTree('(({A} {B}) () (o 96 97))')).toEqual([
    [
      { label: 'A', fields: new Map() },
      { label: 'B', fields: new Map() },
    ],
    [],
    ['o', '96', '97'],
  ])
})

test('a constant, whose value is several tokens, does not disturb the fields after it', () => {
  const tree = node('{CONST :constlen 4 :constvalue 4 [ 10 0 0 0 ] :location 7}')
  expect(tree.fields.get('constlen')).toBe('4')
  expect(tree.fields.get('location')).toBe('7')
})

test('names that look like structure are names', () => {
  const tree = node(String.raw`{ALIAS :aliasname :relid :colnames ("a\ b" "\}\ \{RTE" ":x") :next \<>}`)
  expect(tree.fields.get('aliasname')).toBe(':relid')
  expect(tree.fields.get('colnames')).toEqual([String.raw`"a\ b"`, String.raw`"\}\ \{RTE"`, '":x"'])
  expect([...tree.fields.keys()]).toEqual(['aliasname', 'colnames', 'next'])
})

test.each(['{QUERY :commandType 1', '(1 2', '{QUERY :commandType', '{CONST :constvalue 4 [ 1'])(
  'a tree that is cut off is refused: %s',
  (text) => {
    expect(() => parseNodeTree(text)).toThrow(SyntaxError)
  },
)
