import { Group, Text } from '@mantine/core'
import { IconActivityHeartbeat } from '@tabler/icons-react'
import classes from './shell.module.css'

export function Brand() {
  return (
    <Group gap={10} wrap="nowrap">
      <span className={classes['mark']} aria-hidden>
        <IconActivityHeartbeat size={20} stroke={2.2} />
      </span>
      <Text fw={650} fz={16} lh={1} visibleFrom="xs">
        Operations board
      </Text>
    </Group>
  )
}
