import { Skeleton, Table } from '@mantine/core'

/** What stands in a table until its rows are there. */
export function LoadingRows({ rows, columns, height }: { rows: number; columns: number; height: number }) {
  return Array.from({ length: rows }, (_, index) => (
    <Table.Tr key={index}>
      <Table.Td colSpan={columns}>
        <Skeleton h={height} />
      </Table.Td>
    </Table.Tr>
  ))
}
