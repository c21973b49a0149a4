'use client'

import { ActionIcon, Popover, SegmentedControl, Stack, Text, useMantineColorScheme } from '@mantine/core'
import { IconAdjustmentsHorizontal } from '@tabler/icons-react'
import type { MantineColorScheme } from '@mantine/core'
import { useSession } from '@/client/session'
import type { Transport } from '@/client/trpc'

const SCHEMES = [
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
  { value: 'auto', label: 'System' },
]

const TRANSPORTS = [
  { value: 'ws', label: 'WebSocket' },
  { value: 'sse', label: 'SSE' },
]

export function SettingsMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const { transport, setTransport } = useSession()
  return (
    <Popover position="bottom-end" width={280} shadow="md" trapFocus>
      <Popover.Target>
        <ActionIcon variant="default" size={36} aria-label="Settings">
          <IconAdjustmentsHorizontal size={20} stroke={1.8} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="md">
          <div>
            <Text size="sm" fw={600} mb={6} id="scheme">
              Appearance
            </Text>
            <SegmentedControl
              fullWidth
              size="xs"
              aria-labelledby="scheme"
              data={SCHEMES}
              value={colorScheme}
              onChange={(value) => setColorScheme(value as MantineColorScheme)}
            />
          </div>
          <div>
            <Text size="sm" fw={600} mb={6} id="transport">
              Live updates over
            </Text>
            <SegmentedControl
              fullWidth
              size="xs"
              aria-labelledby="transport"
              data={TRANSPORTS}
              value={transport}
              onChange={(value) => setTransport(value as Transport)}
            />
            <Text size="xs" c="dimmed" mt={6}>
              One WebSocket carries everything. SSE opens a connection per query; without HTTP/2 a browser allows six.
            </Text>
          </div>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
