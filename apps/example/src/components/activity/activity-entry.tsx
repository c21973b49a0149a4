import { Group, Text } from '@mantine/core'
import type { Activity, Cause } from '@/server/activity'
import { formatClock, formatDuration, formatInteger } from '@/lib/format'
import classes from './activity.module.css'

export function ActivityEntry({ entry }: { entry: Activity }) {
  return (
    <li className={classes['entry']} data-kind={entry.error === undefined ? entry.causes[0]?.kind : 'error'}>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text size="sm" fw={600} truncate>
          {entry.title}
        </Text>
        <Text size="xs" c="dimmed" className={classes['time'] ?? ''}>
          {formatClock(entry.at)}
        </Text>
      </Group>
      <div className={classes['causes']}>
        {merged(entry.causes).map((cause) => (
          <span key={`${cause.table} ${cause.text}`} className={classes['cause']}>
            {cause.table && <strong>{cause.table}</strong>} {cause.text}
          </span>
        ))}
      </div>
      <Text size="xs" c="dimmed">
        {entry.error ?? outcome(entry)}
      </Text>
    </li>
  )
}

function outcome({ changed, rows, durationMs }: Activity): string {
  const result = changed ? `${formatInteger(rows)} ${rows === 1 ? 'row' : 'rows'}` : 'same result, nothing sent'
  return `${formatDuration(durationMs)} · ${result}`
}

/** Ten inserts into one table are one cause. */
function merged(causes: readonly Cause[]): readonly Cause[] {
  const seen = new Map(causes.map((cause) => [`${cause.table} ${cause.text}`, cause]))
  return [...seen.values()]
}
