export const channel = (): { hasSubscribers: boolean; publish(): void } => ({ hasSubscribers: false, publish: () => undefined });
