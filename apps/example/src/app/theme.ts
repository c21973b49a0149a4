'use client'

import { createTheme, type CSSVariablesResolver } from '@mantine/core'

const fontFamily = "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif"

export const theme = createTheme({
  fontFamily,
  headings: { fontFamily, fontWeight: '650' },
  primaryColor: 'indigo',
  primaryShade: 7,
  defaultRadius: 'md',
  cursorType: 'pointer',
  components: {
    Modal: { styles: { title: { fontWeight: 650 } } },
    // Its track must differ from the page too, where it stands outside of a card.
    SegmentedControl: {
      styles: { root: { backgroundColor: 'light-dark(var(--mantine-color-gray-2), var(--mantine-color-dark-7))' } },
    },
  },
  colors: {
    dark: [
      '#d5d9e2',
      '#b6bcc9',
      '#949cad',
      '#6c7487',
      '#363d4d',
      '#2b3140',
      '#1b202b',
      '#12161f',
      '#0c0f16',
      '#07090e',
    ],
  },
})

/** Mantine's dimmed grey is too light to read comfortably on white. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: { '--mantine-color-dimmed': '#5b6470', '--flash-color': 'rgba(66, 99, 235, 0.16)', '--page-color': '#f6f7f9' },
  dark: { '--flash-color': 'rgba(116, 143, 252, 0.28)', '--page-color': 'var(--mantine-color-dark-8)' },
})
