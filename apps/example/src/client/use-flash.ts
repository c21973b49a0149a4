'use client'

import { useReducedMotion } from '@mantine/hooks'
import { useEffect, useRef, type RefObject } from 'react'

/**
 * Lights an element up when its row changes. Unchanged rows keep their identity through every refresh, so comparing
 * objects is all it takes. `onMount` also lights up a row that has just come in.
 */
export function useFlash<Element extends HTMLElement>(row: unknown, onMount: boolean): RefObject<Element | null> {
  const element = useRef<Element>(null)
  const shown = useRef<unknown>(onMount ? undefined : row)
  const reduced = useReducedMotion()
  useEffect(() => {
    if (shown.current === row) return
    shown.current = row
    if (reduced) return
    element.current?.animate([{ backgroundColor: 'var(--flash-color)' }, { backgroundColor: 'transparent' }], {
      duration: 1_600,
      easing: 'ease-out',
    })
  }, [row, reduced])
  return element
}
