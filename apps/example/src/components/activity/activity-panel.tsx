'use client'

import { ActionIcon, CloseButton, Group, ScrollArea, Stack, Text, Tooltip } from '@mantine/core'
import { IconPlayerPause, IconPlayerPlay, IconTimelineEvent } from '@tabler/icons-react'
import { useState } from 'react'
import { Empty } from '../empty'
import { ActivityEntry } from './activity-entry'
import classes from './activity.module.css'
import { useActivity } from './use-activity'

/** What the engine did for this organisation, as it happens: which query, because of which change, in what time. */
export function ActivityPanel({ onClose }: { onClose?: () => void }) {
  const [paused, setPaused] = useState(false)
  // What one points at must not move away: that is how an entry can be opened while others come in.
  const [pointedAt, setPointedAt] = useState(false)
  const entries = useActivity(paused || pointedAt)
  const label = paused ? 'Follow again' : 'Hold still'
  return (
    <Stack gap={0} h="100%" component="section" aria-label="What happened">
      <Group justify="space-between" px="md" py="sm" className={classes['heading'] ?? ''} wrap="nowrap">
        <div>
          <Text fw={650} fz={15} component="h2">
            What happened
          </Text>
          <Text size="xs" c="dimmed">
            {pointedAt ? 'Held still while you look' : 'Each refresh: what, why, how long'}
          </Text>
        </div>
        <Group gap={4} wrap="nowrap">
          <Tooltip label={label}>
            <ActionIcon variant="subtle" color="gray" size={32} onClick={() => setPaused(!paused)} aria-label={label}>
              {paused ? <IconPlayerPlay size={18} /> : <IconPlayerPause size={18} />}
            </ActionIcon>
          </Tooltip>
          {onClose && <CloseButton onClick={onClose} aria-label="Close" />}
        </Group>
      </Group>
      <ScrollArea
        flex={1}
        mih={0}
        type="hover"
        viewportProps={{ tabIndex: 0 }}
        onPointerEnter={({ pointerType }) => setPointedAt(pointerType === 'mouse')}
        onPointerLeave={() => setPointedAt(false)}
      >
        {entries === undefined ? null : entries.length === 0 ? (
          <Empty icon={IconTimelineEvent} title="Nothing yet" hint="Change a row, and the refresh appears here." />
        ) : (
          <ol className={classes['list']} data-testid="activity">
            {entries.map((entry) => (
              <ActivityEntry key={entry.id} entry={entry} />
            ))}
          </ol>
        )}
      </ScrollArea>
    </Stack>
  )
}
