import { notifications } from '@mantine/notifications'

/** For mutations: what the server answered, in words. */
export function reportFailure(error: { readonly message: string }): void {
  notifications.show({ color: 'red', title: 'Not done', message: error.message })
}
