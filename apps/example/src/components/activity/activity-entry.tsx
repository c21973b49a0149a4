import { Group, Text } from '@mantine/core'
import { IconChevronDown } from '@tabler/icons-react'
import type { Activity, Cause } from '@/server/activity'
import { formatClock, formatDuration, formatInteger } from '@/lib/format'
import classes from './activity.module.css'
import { breakLines } from './break-lines'

/** One refresh: the query, why it ran, what came of it. It opens to the SQL. */
export function ActivityEntry({ entry }: { entry: Activity }) {
  return (
    <li
      className={classes['entry']}
      data-kind={entry.error === undefined ? entry.causes[0]?.kind : 'error'}
      data-unchanged={!entry.changed || undefined}
    >
      <details>
        <summary className={classes['summary']}>
          <Group justify="space-between" wrap="nowrap" gap="xs">
            <Text span size="sm" fw={600} truncate>
              {entry.title}
            </Text>
            <Text span size="xs" c="dimmed" className={classes['time'] ?? ''}>
              {formatClock(entry.at)}
              <IconChevronDown size={14} className={classes['chevron'] ?? ''} aria-hidden />
            </Text>
          </Group>
          <span className={classes['causes']}>
            {merged(entry.causes).map((cause) => (
              <span key={`${cause.table} ${cause.text}`} className={classes['cause']}>
                {cause.table && <strong>{cause.table}</strong>} {cause.text}
              </span>
            ))}
          </span>
          <Text span display="block" size="xs" c="dimmed">
            {entry.error ?? outcome(entry)}
          </Text>
        </summary>
        <pre className={classes['sql']}>{breakLines(entry.sql)}</pre>
        {entry.parameters.length > 0 && (
          <ol className={classes['parameters']}>
            {entry.parameters.map((parameter, index) => (
              <li key={index}>
                ${index + 1} = {parameter}
              </li>
            ))}
          </ol>
        )}
      </details>
    </li>
  )
}

function outcome({ causes, changed, rows, durationMs }: Activity): string {
  const count = `${formatInteger(rows)} ${rows === 1 ? 'row' : 'rows'}`
  const isFirst = causes.some(({ kind }) => kind === 'first')
  const result = isFirst ? count : changed ? `${count}, changes sent` : 'same result, nothing sent'
  return `${formatDuration(durationMs)} · ${result}`
}

/** Ten inserts into one table are one cause. */
function merged(causes: readonly Cause[]): readonly Cause[] {
  const seen = new Map(causes.map((cause) => [`${cause.table} ${cause.text}`, cause]))
  return [...seen.values()]
}
