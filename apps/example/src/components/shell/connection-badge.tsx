'use client'

import { Tooltip } from '@mantine/core'
import type { CSSProperties } from 'react'
import { useSession } from '@/client/session'
import { useLinkStatus, type PageStatus } from '@/client/use-link-status'
import classes from './shell.module.css'

const APPEARANCE: Readonly<Record<PageStatus, { label: string; color: string; explanation: string }>> = {
  live: { label: 'Live', color: 'teal-6', explanation: 'Everything here is what the database holds now' },
  connecting: { label: 'Connecting', color: 'gray-5', explanation: 'Waiting for the first rows' },
  stale: {
    label: 'Stale',
    color: 'yellow-6',
    explanation: 'The server lost its database: these rows may be out of date until it is back',
  },
  reconnecting: {
    label: 'Reconnecting',
    color: 'orange-6',
    explanation: 'The connection is lost: these are the last rows that came',
  },
}

/** Whether the page can be trusted to be current. Announced to screen readers when it changes. */
export function ConnectionBadge() {
  const status = useLinkStatus()
  const { transport } = useSession()
  const { label, color, explanation } = APPEARANCE[status]
  return (
    <Tooltip
      label={`${explanation} (${transport === 'ws' ? 'WebSocket' : 'SSE'})`}
      multiline
      maw={280}
      events={{ hover: true, focus: false, touch: true }}
    >
      <span
        className={classes['badge']}
        style={{ '--dot-color': `var(--mantine-color-${color})` } as CSSProperties}
        role="status"
        data-testid="connection"
        data-status={status}
      >
        <span className={`${classes['dot']} ${status === 'live' ? classes['pulsing'] : ''}`} aria-hidden />
        {label}
      </span>
    </Tooltip>
  )
}
