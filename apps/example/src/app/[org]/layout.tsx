import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import type { ReactNode } from 'react'
import { SessionProvider } from '@/client/session'
import { Shell } from '@/components/shell/shell'
import { findOrganisation, listOrganisations } from '@/server/organisations'

interface Props {
  params: Promise<{ org: string }>
  children: ReactNode
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const organisation = await findOrganisation((await params).org)
  const name = organisation?.name ?? 'Operations board'
  return { title: { default: name, template: `%s · ${name}` } }
}

export default async function OrganisationLayout({ params, children }: Props) {
  const { org } = await params
  const organisations = await listOrganisations()
  const organisation = organisations.find(({ slug }) => slug === org)
  if (organisation === undefined) notFound()
  return (
    <SessionProvider
      organisation={organisation}
      organisations={organisations}
      defaultTransport={process.env['TRANSPORT'] === 'sse' ? 'sse' : 'ws'}
    >
      <Shell>{children}</Shell>
    </SessionProvider>
  )
}
