export const types = { isUint8Array: (value: unknown): value is Uint8Array => value instanceof Uint8Array };
