import { ScrollArea, Table } from '@mantine/core'
import { formatLongDay, formatWholeMoney } from '@/lib/format'
import classes from './overview.module.css'
import type { RevenueByDay } from './pivot-by-day'

/** The chart's numbers, for those who would rather read or hear them. The newest day first. */
export function RevenueTable({ categories, days, height }: RevenueByDay & { height: number }) {
  return (
    <ScrollArea h={height} type="auto" viewportProps={{ tabIndex: 0 }}>
      <Table stickyHeader verticalSpacing={6} aria-label="Revenue by day">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Day</Table.Th>
            {categories.map((category) => (
              <Table.Th key={category} className={classes['number'] ?? ''}>
                {category}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {days.toReversed().map((day) => (
            <Table.Tr key={String(day['day'])}>
              <Table.Td style={{ whiteSpace: 'nowrap' }}>{formatLongDay(String(day['day']))}</Table.Td>
              {categories.map((category) => (
                <Table.Td key={category} className={classes['number'] ?? ''}>
                  {formatWholeMoney(day[category] ?? 0)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  )
}
